CREATE TABLE `certificates` (
	`serial_number` text PRIMARY KEY NOT NULL,
	`credential` text NOT NULL,
	`profile` text NOT NULL,
	`subject` text NOT NULL,
	`spki` blob NOT NULL,
	`not_before` integer NOT NULL,
	`not_after` integer NOT NULL,
	`tbs` blob NOT NULL,
	`status` text NOT NULL,
	`certificate` blob,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `certificates_credential` ON `certificates` (`credential`);--> statement-breakpoint
CREATE TABLE `credentials` (
	`id` text PRIMARY KEY NOT NULL,
	`subscriber` text NOT NULL,
	`key_type` text NOT NULL,
	`line` text NOT NULL,
	`line_hash` text NOT NULL,
	`status` text NOT NULL,
	`key_order` integer NOT NULL,
	`spki` blob,
	`spki_hash` text,
	`attestation` text,
	`certificate` text,
	`certificate_order` integer,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `credentials_line_hash_unique` ON `credentials` (`line_hash`);--> statement-breakpoint
CREATE UNIQUE INDEX `credentials_spki_hash_unique` ON `credentials` (`spki_hash`);--> statement-breakpoint
CREATE INDEX `credentials_status` ON `credentials` (`status`);--> statement-breakpoint
CREATE TABLE `feed_head` (
	`name` text PRIMARY KEY NOT NULL,
	`number` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `feed_orders` (
	`number` integer PRIMARY KEY NOT NULL,
	`payload` text NOT NULL,
	`signature` blob,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `log_head` (
	`name` text PRIMARY KEY NOT NULL,
	`size` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `log_leaves` (
	`id` text PRIMARY KEY NOT NULL,
	`position` integer,
	`leaf_hash` blob NOT NULL,
	`leaf` text NOT NULL,
	`subscriber` text
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `log_leaves_position_unique` ON `log_leaves` (`position`);--> statement-breakpoint
CREATE INDEX `log_leaves_subscriber` ON `log_leaves` (`subscriber`,`id`);--> statement-breakpoint
CREATE TABLE `settings` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `subscribers` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`name` text NOT NULL,
	`email` text NOT NULL,
	`phone` text NOT NULL,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `subscribers_user_id_unique` ON `subscribers` (`user_id`);