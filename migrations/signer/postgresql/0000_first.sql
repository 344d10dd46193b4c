CREATE SCHEMA "signer";
--> statement-breakpoint
CREATE TABLE "signer"."authorizations" (
	"id" text PRIMARY KEY NOT NULL,
	"subscriber" text NOT NULL,
	"client" text NOT NULL,
	"grant_id" text NOT NULL,
	"credential" text NOT NULL,
	"key" text NOT NULL,
	"key_version" integer NOT NULL,
	"digest" text NOT NULL,
	"total" integer NOT NULL,
	"remaining" integer NOT NULL,
	"open" integer NOT NULL,
	"origin" text NOT NULL,
	"cap_at" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"epoch" text NOT NULL,
	"sealed_dek" "bytea",
	"hashes_mac" "bytea" NOT NULL,
	"spent" "bytea" NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signer"."authorized_hashes" (
	"authorization_id" text PRIMARY KEY NOT NULL,
	"digests" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signer"."credentials" (
	"id" text PRIMARY KEY NOT NULL,
	"subscriber" text NOT NULL,
	"key" text NOT NULL,
	"key_type" text NOT NULL,
	"otp" text NOT NULL,
	"blocked" boolean NOT NULL,
	"certificate_status" text NOT NULL,
	"serial" text NOT NULL,
	"certificate" text NOT NULL,
	"chain" text NOT NULL,
	"not_before" bigint NOT NULL,
	"not_after" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signer"."evidence" (
	"digest" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"bytes" "bytea" NOT NULL,
	"issuer" text
);
--> statement-breakpoint
CREATE TABLE "signer"."factors" (
	"subscriber" text PRIMARY KEY NOT NULL,
	"activation_failures" integer NOT NULL,
	"activation_expires_at" bigint NOT NULL,
	"activation_digest" "bytea",
	"pin_failures" integer NOT NULL,
	"pin_locked_until" bigint NOT NULL,
	"otp_failures" integer NOT NULL,
	"otp_locked_until" bigint NOT NULL,
	"sealed_totp" "bytea",
	"last_step" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signer"."idempotency_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	"signing" text NOT NULL,
	"answer" text,
	"expires_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signer"."keys" (
	"id" text PRIMARY KEY NOT NULL,
	"credential" text NOT NULL,
	"subscriber" text NOT NULL,
	"key_version" integer NOT NULL,
	"key_type" text NOT NULL,
	"spki" "bytea" NOT NULL,
	"sealed_blob" "bytea" NOT NULL,
	"sealed_dek" "bytea" NOT NULL,
	"kek" text NOT NULL,
	"mechanism" text NOT NULL,
	"line_hash" "bytea" NOT NULL,
	"attestation" text NOT NULL,
	"request" "bytea",
	"serials" text NOT NULL,
	"ends_at" bigint,
	"ended_at" bigint,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signer"."log_head" (
	"name" text PRIMARY KEY NOT NULL,
	"size" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signer"."log_leaves" (
	"id" text PRIMARY KEY NOT NULL,
	"position" bigint,
	"leaf_hash" "bytea" NOT NULL,
	"leaf" text NOT NULL,
	"subscriber" text,
	CONSTRAINT "log_leaves_position_unique" UNIQUE("position")
);
--> statement-breakpoint
CREATE TABLE "signer"."notices" (
	"id" text PRIMARY KEY NOT NULL,
	"created_at" bigint NOT NULL,
	"sealed" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signer"."one_time_codes" (
	"credential" text PRIMARY KEY NOT NULL,
	"subscriber" text NOT NULL,
	"grant_id" text NOT NULL,
	"code_mac" "bytea" NOT NULL,
	"sent_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"tries" integer NOT NULL,
	"used_at" bigint,
	"window_at" bigint NOT NULL,
	"sends" integer NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signer"."settings" (
	"name" text PRIMARY KEY NOT NULL,
	"value" text NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signer"."signings" (
	"id" text PRIMARY KEY NOT NULL,
	"authorization_id" text NOT NULL,
	"credential" text NOT NULL,
	"subscriber" text NOT NULL,
	"signatures" integer NOT NULL,
	"sign_algo" text NOT NULL,
	"outcome" text NOT NULL,
	"instance" text NOT NULL,
	"started_at" bigint NOT NULL,
	"ended_at" bigint
);
--> statement-breakpoint
CREATE TABLE "signer"."subscribers" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"name" text NOT NULL,
	"email" text NOT NULL,
	"phone" text NOT NULL,
	"status" text NOT NULL,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL,
	CONSTRAINT "subscribers_user_id_unique" UNIQUE("user_id")
);
--> statement-breakpoint
CREATE TABLE "signer"."totp_moves" (
	"subscriber" text PRIMARY KEY NOT NULL,
	"attested_by" text NOT NULL,
	"attested_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"sealed_totp" "bytea",
	"confirmed_step" bigint,
	"effective_at" bigint,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signer"."vaults" (
	"subscriber" text PRIMARY KEY NOT NULL,
	"public_key" "bytea" NOT NULL,
	"sealed_private" "bytea" NOT NULL,
	"opened_by" text NOT NULL,
	"salt" "bytea" NOT NULL,
	"kdf" text NOT NULL,
	"pepper" text NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE INDEX "authorizations_expiry" ON "signer"."authorizations" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "authorizations_subscriber" ON "signer"."authorizations" USING btree ("subscriber");--> statement-breakpoint
CREATE INDEX "credentials_subscriber" ON "signer"."credentials" USING btree ("subscriber");--> statement-breakpoint
CREATE INDEX "idempotency_keys_expiry" ON "signer"."idempotency_keys" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "keys_kek" ON "signer"."keys" USING btree ("kek");--> statement-breakpoint
CREATE INDEX "keys_ends" ON "signer"."keys" USING btree ("ends_at");--> statement-breakpoint
CREATE UNIQUE INDEX "keys_credential" ON "signer"."keys" USING btree ("credential","key_version");--> statement-breakpoint
CREATE INDEX "log_leaves_subscriber" ON "signer"."log_leaves" USING btree ("subscriber","id");--> statement-breakpoint
CREATE INDEX "notices_created" ON "signer"."notices" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "signings_outcome" ON "signer"."signings" USING btree ("outcome");--> statement-breakpoint
CREATE INDEX "totp_moves_effective" ON "signer"."totp_moves" USING btree ("effective_at");--> statement-breakpoint
CREATE INDEX "vaults_pepper" ON "signer"."vaults" USING btree ("pepper");