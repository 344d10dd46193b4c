CREATE TABLE `messages` (
	`id` text PRIMARY KEY NOT NULL,
	`channel` text NOT NULL,
	`status` text NOT NULL,
	`sealed` blob,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`next_at` integer NOT NULL,
	`attempts` integer NOT NULL,
	`ended_at` integer,
	`receipt` text,
	`trouble` text
) STRICT;
--> statement-breakpoint
CREATE INDEX `messages_due` ON `messages` (`status`,`channel`,`next_at`);--> statement-breakpoint
CREATE INDEX `messages_ended` ON `messages` (`ended_at`);