CREATE TABLE `authorizations` (
	`id` text PRIMARY KEY NOT NULL,
	`subscriber` text NOT NULL,
	`client` text NOT NULL,
	`grant_id` text NOT NULL,
	`credential` text NOT NULL,
	`key` text NOT NULL,
	`key_version` integer NOT NULL,
	`digest` text NOT NULL,
	`total` integer NOT NULL,
	`remaining` integer NOT NULL,
	`open` integer NOT NULL,
	`origin` text NOT NULL,
	`cap_at` integer NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`epoch` text NOT NULL,
	`sealed_dek` blob,
	`hashes_mac` blob NOT NULL,
	`spent` blob NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `authorizations_expiry` ON `authorizations` (`expires_at`);--> statement-breakpoint
CREATE INDEX `authorizations_subscriber` ON `authorizations` (`subscriber`);--> statement-breakpoint
CREATE TABLE `authorized_hashes` (
	`authorization_id` text PRIMARY KEY NOT NULL,
	`digests` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `credentials` (
	`id` text PRIMARY KEY NOT NULL,
	`subscriber` text NOT NULL,
	`key` text NOT NULL,
	`key_type` text NOT NULL,
	`otp` text NOT NULL,
	`blocked` integer NOT NULL,
	`certificate_status` text NOT NULL,
	`serial` text NOT NULL,
	`certificate` text NOT NULL,
	`chain` text NOT NULL,
	`not_before` integer NOT NULL,
	`not_after` integer NOT NULL,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `credentials_subscriber` ON `credentials` (`subscriber`);--> statement-breakpoint
CREATE TABLE `evidence` (
	`digest` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`bytes` blob NOT NULL,
	`issuer` text
) STRICT;
--> statement-breakpoint
CREATE TABLE `factors` (
	`subscriber` text PRIMARY KEY NOT NULL,
	`activation_failures` integer NOT NULL,
	`activation_expires_at` integer NOT NULL,
	`activation_digest` blob,
	`pin_failures` integer NOT NULL,
	`pin_locked_until` integer NOT NULL,
	`otp_failures` integer NOT NULL,
	`otp_locked_until` integer NOT NULL,
	`sealed_totp` blob,
	`last_step` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`fingerprint` blob NOT NULL,
	`signing` text NOT NULL,
	`answer` text,
	`expires_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `idempotency_keys_expiry` ON `idempotency_keys` (`expires_at`);--> statement-breakpoint
CREATE TABLE `keys` (
	`id` text PRIMARY KEY NOT NULL,
	`credential` text NOT NULL,
	`subscriber` text NOT NULL,
	`key_version` integer NOT NULL,
	`key_type` text NOT NULL,
	`spki` blob NOT NULL,
	`sealed_blob` blob NOT NULL,
	`sealed_dek` blob NOT NULL,
	`kek` text NOT NULL,
	`mechanism` text NOT NULL,
	`line_hash` blob NOT NULL,
	`attestation` text NOT NULL,
	`request` blob,
	`serials` text NOT NULL,
	`ends_at` integer,
	`ended_at` integer,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `keys_kek` ON `keys` (`kek`);--> statement-breakpoint
CREATE INDEX `keys_ends` ON `keys` (`ends_at`);--> statement-breakpoint
CREATE UNIQUE INDEX `keys_credential` ON `keys` (`credential`,`key_version`);--> statement-breakpoint
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
CREATE TABLE `notices` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`sealed` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `notices_created` ON `notices` (`created_at`);--> statement-breakpoint
CREATE TABLE `one_time_codes` (
	`credential` text PRIMARY KEY NOT NULL,
	`subscriber` text NOT NULL,
	`grant_id` text NOT NULL,
	`code_mac` blob NOT NULL,
	`sent_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`tries` integer NOT NULL,
	`used_at` integer,
	`window_at` integer NOT NULL,
	`sends` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `settings` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `signings` (
	`id` text PRIMARY KEY NOT NULL,
	`authorization_id` text NOT NULL,
	`credential` text NOT NULL,
	`subscriber` text NOT NULL,
	`signatures` integer NOT NULL,
	`sign_algo` text NOT NULL,
	`outcome` text NOT NULL,
	`instance` text NOT NULL,
	`started_at` integer NOT NULL,
	`ended_at` integer
) STRICT;
--> statement-breakpoint
CREATE INDEX `signings_outcome` ON `signings` (`outcome`);--> statement-breakpoint
CREATE TABLE `subscribers` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`name` text NOT NULL,
	`email` text NOT NULL,
	`phone` text NOT NULL,
	`status` text NOT NULL,
	`created_at` integer NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `subscribers_user_id_unique` ON `subscribers` (`user_id`);--> statement-breakpoint
CREATE TABLE `totp_moves` (
	`subscriber` text PRIMARY KEY NOT NULL,
	`attested_by` text NOT NULL,
	`attested_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`sealed_totp` blob,
	`confirmed_step` integer,
	`effective_at` integer,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `totp_moves_effective` ON `totp_moves` (`effective_at`);--> statement-breakpoint
CREATE TABLE `vaults` (
	`subscriber` text PRIMARY KEY NOT NULL,
	`public_key` blob NOT NULL,
	`sealed_private` blob NOT NULL,
	`opened_by` text NOT NULL,
	`salt` blob NOT NULL,
	`kdf` text NOT NULL,
	`pepper` text NOT NULL,
	`version` integer NOT NULL,
	`mac` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `vaults_pepper` ON `vaults` (`pepper`);