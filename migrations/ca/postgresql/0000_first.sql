CREATE SCHEMA "ca";
--> statement-breakpoint
CREATE TABLE "ca"."certificates" (
	"serial_number" text PRIMARY KEY NOT NULL,
	"credential" text NOT NULL,
	"profile" text NOT NULL,
	"subject" text NOT NULL,
	"spki" "bytea" NOT NULL,
	"not_before" bigint NOT NULL,
	"not_after" bigint NOT NULL,
	"tbs" "bytea" NOT NULL,
	"status" text NOT NULL,
	"certificate" "bytea",
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca"."credentials" (
	"id" text PRIMARY KEY NOT NULL,
	"subscriber" text NOT NULL,
	"key_type" text NOT NULL,
	"line" text NOT NULL,
	"line_hash" text NOT NULL,
	"status" text NOT NULL,
	"key_order" bigint NOT NULL,
	"spki" "bytea",
	"spki_hash" text,
	"attestation" text,
	"certificate" text,
	"certificate_order" bigint,
	"created_at" bigint NOT NULL,
	"version" integer NOT NULL,
	"mac" "bytea" NOT NULL,
	CONSTRAINT "credentials_line_hash_unique" UNIQUE("line_hash"),
	CONSTRAINT "credentials_spki_hash_unique" UNIQUE("spki_hash")
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
CREATE INDEX "certificates_credential" ON "ca"."certificates" USING btree ("credential");--> statement-breakpoint
CREATE INDEX "credentials_status" ON "ca"."credentials" USING btree ("status");--> statement-breakpoint
CREATE INDEX "log_leaves_subscriber" ON "ca"."log_leaves" USING btree ("subscriber","id");