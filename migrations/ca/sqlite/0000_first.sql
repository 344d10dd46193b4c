CREATE TABLE `approvals` (
	`id` text PRIMARY KEY NOT NULL,
	`list` text NOT NULL,
	`officer` text NOT NULL,
	`act` text NOT NULL,
	`at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `approvals_act` ON `approvals` (`list`,`act`);--> statement-breakpoint
CREATE UNIQUE INDEX `approvals_officer` ON `approvals` (`list`,`officer`);--> statement-breakpoint
CREATE TABLE `authorities` (
	`id` text PRIMARY KEY NOT NULL,
	`role` text NOT NULL,
	`key_type` text NOT NULL,
	`label` text NOT NULL,
	`issuer` text NOT NULL,
	`serial_number` text NOT NULL,
	`certificate` blob NOT NULL,
	`not_before` integer NOT NULL,
	`not_after` integer NOT NULL,
	`status` text NOT NULL,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `authorities_serial_number_unique` ON `authorities` (`serial_number`);--> statement-breakpoint
CREATE TABLE `certificates` (
	`serial_number` text PRIMARY KEY NOT NULL,
	`credential` text NOT NULL,
	`profile` text NOT NULL,
	`policies` text NOT NULL,
	`subject` text NOT NULL,
	`spki` blob NOT NULL,
	`not_before` integer NOT NULL,
	`not_after` integer NOT NULL,
	`tbs` blob NOT NULL,
	`status` text NOT NULL,
	`certificate` blob,
	`authority` text NOT NULL,
	`shard` text NOT NULL,
	`revocation` text NOT NULL,
	`reason` text,
	`revoked_by` text,
	`revoked_at` integer,
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
	`otp` text NOT NULL,
	`key_version` integer NOT NULL,
	`certificate` text,
	`organisation` text NOT NULL,
	`line` text,
	`status` text NOT NULL,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `credentials_subscriber` ON `credentials` (`subscriber`);--> statement-breakpoint
CREATE TABLE `crl_entries` (
	`serial_number` text PRIMARY KEY NOT NULL,
	`shard` text NOT NULL,
	`entry` blob NOT NULL,
	`revision` integer NOT NULL,
	`not_after` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `crl_entries_shard` ON `crl_entries` (`shard`);--> statement-breakpoint
CREATE TABLE `crl_shards` (
	`id` text PRIMARY KEY NOT NULL,
	`authority` text NOT NULL,
	`url` text NOT NULL,
	`state` text NOT NULL,
	`assigned` integer NOT NULL,
	`entries` integer NOT NULL,
	`revision` integer NOT NULL,
	`published` integer NOT NULL,
	`crl_number` integer NOT NULL,
	`in_force` integer NOT NULL,
	`leased_until` integer NOT NULL,
	`this_update` integer NOT NULL,
	`next_update` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `crl_shards_authority` ON `crl_shards` (`authority`,`state`);--> statement-breakpoint
CREATE TABLE `crls` (
	`shard` text PRIMARY KEY NOT NULL,
	`number` integer NOT NULL,
	`crl` blob NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `external_certificates` (
	`serial_number` text PRIMARY KEY NOT NULL,
	`chain` text NOT NULL,
	`source_at` integer,
	`asked_at` integer,
	`next_at` integer,
	`failure` text,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `external_certificates_next` ON `external_certificates` (`next_at`);--> statement-breakpoint
CREATE TABLE `external_requests` (
	`line_hash` text PRIMARY KEY NOT NULL,
	`credential` text NOT NULL,
	`key_version` integer NOT NULL,
	`request` blob NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `external_requests_credential` ON `external_requests` (`credential`);--> statement-breakpoint
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
CREATE TABLE `keys` (
	`spki_hash` text PRIMARY KEY NOT NULL,
	`credential` text NOT NULL,
	`key_version` integer NOT NULL,
	`spki` blob NOT NULL,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `keys_credential` ON `keys` (`credential`,`key_version`);--> statement-breakpoint
CREATE TABLE `lines` (
	`line_hash` text PRIMARY KEY NOT NULL,
	`credential` text NOT NULL,
	`procedure` text NOT NULL,
	`list` text NOT NULL,
	`text` text NOT NULL,
	`status` text NOT NULL,
	`key_version` integer NOT NULL,
	`key_order` integer,
	`spki` blob,
	`attestation` text,
	`certificate` text,
	`certificate_order` integer,
	`refusal` text,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `lines_status` ON `lines` (`status`);--> statement-breakpoint
CREATE INDEX `lines_credential` ON `lines` (`credential`);--> statement-breakpoint
CREATE INDEX `lines_list` ON `lines` (`list`);--> statement-breakpoint
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
CREATE TABLE `officers` (
	`id` text PRIMARY KEY NOT NULL,
	`user_name` text NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`status` text NOT NULL,
	`password` text NOT NULL,
	`sealed_totp` blob NOT NULL,
	`last_step` integer NOT NULL,
	`failures` integer NOT NULL,
	`locked_until` integer NOT NULL,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `officers_user_name_unique` ON `officers` (`user_name`);--> statement-breakpoint
CREATE TABLE `order_lists` (
	`id` text PRIMARY KEY NOT NULL,
	`organisation` text NOT NULL,
	`statement` text NOT NULL,
	`signature` blob NOT NULL,
	`certificate` text NOT NULL,
	`received_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `organisation_certificates` (
	`fingerprint` text PRIMARY KEY NOT NULL,
	`organisation` text NOT NULL,
	`certificate` blob NOT NULL,
	`enrolled_by` text NOT NULL,
	`status` text NOT NULL,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `organisation_certificates_organisation` ON `organisation_certificates` (`organisation`);--> statement-breakpoint
CREATE TABLE `organisations` (
	`id` text PRIMARY KEY NOT NULL,
	`code` text NOT NULL,
	`name` text NOT NULL,
	`status` text NOT NULL,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `organisations_code_unique` ON `organisations` (`code`);--> statement-breakpoint
CREATE TABLE `revocations` (
	`id` text PRIMARY KEY NOT NULL,
	`serial_number` text NOT NULL,
	`credential` text NOT NULL,
	`act` text NOT NULL,
	`reason` text NOT NULL,
	`level` text NOT NULL,
	`requested_by` text NOT NULL,
	`status` text NOT NULL,
	`at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `revocations_serial_number` ON `revocations` (`serial_number`);--> statement-breakpoint
CREATE INDEX `revocations_status` ON `revocations` (`status`);--> statement-breakpoint
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
CREATE UNIQUE INDEX `subscribers_user_id_unique` ON `subscribers` (`user_id`);--> statement-breakpoint
CREATE TABLE `trust_anchors` (
	`fingerprint` text PRIMARY KEY NOT NULL,
	`certificate` blob NOT NULL,
	`enrolled_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
