CREATE SCHEMA "ca";
--> statement-breakpoint
CREATE TABLE "ca"."approvals" (
	"id" text PRIMARY KEY NOT NULL,
	"list" text NOT NULL,
	"officer" text NOT NULL,
	"act" text NOT NULL,
	"at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."authorities" (
	"id" text PRIMARY KEY NOT NULL,
	"role" text NOT NULL,
	"key_type" text NOT NULL,
	"label" text NOT NULL,
	"issuer" text NOT NULL,
	"serial_number" text NOT NULL,
	"certificate" "bytea" NOT NULL,
	"not_before" bigint NOT NULL,
	"not_after" bigint NOT NULL,
	"status" text NOT NULL,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL,
	CONSTRAINT "authorities_serial_number_unique" UNIQUE("serial_number")
);
--> statement-breakpoint
CREATE TABLE "ca"."certificates" (
	"serial_number" text PRIMARY KEY NOT NULL,
	"credential" text NOT NULL,
	"profile" text NOT NULL,
	"policies" text NOT NULL,
	"subject" text NOT NULL,
	"spki" "bytea" NOT NULL,
	"not_before" bigint NOT NULL,
	"not_after" bigint NOT NULL,
	"tbs" "bytea" NOT NULL,
	"status" text NOT NULL,
	"certificate" "bytea",
	"authority" text NOT NULL,
	"shard" text NOT NULL,
	"revocation" text NOT NULL,
	"reason" text,
	"revoked_by" text,
	"revoked_at" bigint,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."credentials" (
	"id" text PRIMARY KEY NOT NULL,
	"subscriber" text NOT NULL,
	"key_type" text NOT NULL,
	"otp" text NOT NULL,
	"key_version" integer NOT NULL,
	"certificate" text,
	"organisation" text NOT NULL,
	"line" text,
	"status" text NOT NULL,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."crl_entries" (
	"serial_number" text PRIMARY KEY NOT NULL,
	"shard" text NOT NULL,
	"entry" "bytea" NOT NULL,
	"revision" integer NOT NULL,
	"not_after" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."crl_shards" (
	"id" text PRIMARY KEY NOT NULL,
	"authority" text NOT NULL,
	"url" text NOT NULL,
	"state" text NOT NULL,
	"assigned" integer NOT NULL,
	"entries" integer NOT NULL,
	"revision" integer NOT NULL,
	"published" integer NOT NULL,
	"crl_number" bigint NOT NULL,
	"in_force" bigint NOT NULL,
	"leased_until" bigint NOT NULL,
	"this_update" bigint NOT NULL,
	"next_update" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."crls" (
	"shard" text PRIMARY KEY NOT NULL,
	"number" bigint NOT NULL,
	"crl" "bytea" NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."external_certificates" (
	"serial_number" text PRIMARY KEY NOT NULL,
	"chain" text NOT NULL,
	"source_at" bigint,
	"asked_at" bigint,
	"next_at" bigint,
	"failure" text,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."external_requests" (
	"line_hash" text PRIMARY KEY NOT NULL,
	"credential" text NOT NULL,
	"key_version" integer NOT NULL,
	"request" "bytea" NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."feed_head" (
	"name" text PRIMARY KEY NOT NULL,
	"number" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."feed_orders" (
	"number" bigint PRIMARY KEY NOT NULL,
	"payload" text NOT NULL,
	"signature" "bytea",
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."keys" (
	"spki_hash" text PRIMARY KEY NOT NULL,
	"credential" text NOT NULL,
	"key_version" integer NOT NULL,
	"spki" "bytea" NOT NULL,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."lines" (
	"line_hash" text PRIMARY KEY NOT NULL,
	"credential" text NOT NULL,
	"procedure" text NOT NULL,
	"list" text NOT NULL,
	"text" text NOT NULL,
	"status" text NOT NULL,
	"key_version" integer NOT NULL,
	"key_order" bigint,
	"spki" "bytea",
	"attestation" text,
	"certificate" text,
	"certificate_order" bigint,
	"refusal" text,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."log_head" (
	"name" text PRIMARY KEY NOT NULL,
	"size" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."log_leaves" (
	"id" text PRIMARY KEY NOT NULL,
	"position" bigint,
	"leaf_hash" "bytea" NOT NULL,
	"leaf" text NOT NULL,
	"subscriber" text,
	CONSTRAINT "log_leaves_position_unique" UNIQUE("position")
);
--> statement-breakpoint
CREATE TABLE "ca"."officers" (
	"id" text PRIMARY KEY NOT NULL,
	"user_name" text NOT NULL,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"status" text NOT NULL,
	"password" text NOT NULL,
	"sealed_totp" "bytea" NOT NULL,
	"last_step" bigint NOT NULL,
	"failures" integer NOT NULL,
	"locked_until" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL,
	CONSTRAINT "officers_user_name_unique" UNIQUE("user_name")
);
--> statement-breakpoint
CREATE TABLE "ca"."order_lists" (
	"id" text PRIMARY KEY NOT NULL,
	"organisation" text NOT NULL,
	"statement" text NOT NULL,
	"signature" "bytea" NOT NULL,
	"certificate" text NOT NULL,
	"received_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."organisation_certificates" (
	"fingerprint" text PRIMARY KEY NOT NULL,
	"organisation" text NOT NULL,
	"certificate" "bytea" NOT NULL,
	"enrolled_by" text NOT NULL,
	"status" text NOT NULL,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."organisations" (
	"id" text PRIMARY KEY NOT NULL,
	"code" text NOT NULL,
	"name" text NOT NULL,
	"status" text NOT NULL,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL,
	CONSTRAINT "organisations_code_unique" UNIQUE("code")
);
--> statement-breakpoint
CREATE TABLE "ca"."revocations" (
	"id" text PRIMARY KEY NOT NULL,
	"serial_number" text NOT NULL,
	"credential" text NOT NULL,
	"act" text NOT NULL,
	"reason" text NOT NULL,
	"level" text NOT NULL,
	"requested_by" text NOT NULL,
	"status" text NOT NULL,
	"at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."settings" (
	"name" text PRIMARY KEY NOT NULL,
	"value" text NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."subscribers" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"name" text NOT NULL,
	"email" text NOT NULL,
	"phone" text NOT NULL,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL,
	CONSTRAINT "subscribers_user_id_unique" UNIQUE("user_id")
);
--> statement-breakpoint
CREATE TABLE "ca"."trust_anchors" (
	"fingerprint" text PRIMARY KEY NOT NULL,
	"certificate" "bytea" NOT NULL,
	"enrolled_by" text NOT NULL,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "approvals_act" ON "ca"."approvals" USING btree ("list","act");--> statement-breakpoint
CREATE UNIQUE INDEX "approvals_officer" ON "ca"."approvals" USING btree ("list","officer");--> statement-breakpoint
CREATE INDEX "certificates_credential" ON "ca"."certificates" USING btree ("credential");--> statement-breakpoint
CREATE INDEX "credentials_subscriber" ON "ca"."credentials" USING btree ("subscriber");--> statement-breakpoint
CREATE INDEX "crl_entries_shard" ON "ca"."crl_entries" USING btree ("shard");--> statement-breakpoint
CREATE INDEX "crl_shards_authority" ON "ca"."crl_shards" USING btree ("authority","state");--> statement-breakpoint
CREATE INDEX "external_certificates_next" ON "ca"."external_certificates" USING btree ("next_at");--> statement-breakpoint
CREATE INDEX "external_requests_credential" ON "ca"."external_requests" USING btree ("credential");--> statement-breakpoint
CREATE UNIQUE INDEX "keys_credential" ON "ca"."keys" USING btree ("credential","key_version");--> statement-breakpoint
CREATE INDEX "lines_status" ON "ca"."lines" USING btree ("status");--> statement-breakpoint
CREATE INDEX "lines_credential" ON "ca"."lines" USING btree ("credential");--> statement-breakpoint
CREATE INDEX "lines_list" ON "ca"."lines" USING btree ("list");--> statement-breakpoint
CREATE INDEX "log_leaves_subscriber" ON "ca"."log_leaves" USING btree ("subscriber","id");--> statement-breakpoint
CREATE INDEX "organisation_certificates_organisation" ON "ca"."organisation_certificates" USING btree ("organisation");--> statement-breakpoint
CREATE INDEX "revocations_serial_number" ON "ca"."revocations" USING btree ("serial_number");--> statement-breakpoint
CREATE INDEX "revocations_status" ON "ca"."revocations" USING btree ("status");