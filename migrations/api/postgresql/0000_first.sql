CREATE SCHEMA "api";
--> statement-breakpoint
CREATE TABLE "api"."access_tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"grant_id" text NOT NULL,
	"expires_at" bigint NOT NULL,
	"revoked_at" bigint
);
--> statement-breakpoint
CREATE TABLE "api"."clients" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"suspended" boolean NOT NULL,
	"switches" text NOT NULL,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "api"."grants" (
	"id" text PRIMARY KEY NOT NULL,
	"subscriber" text NOT NULL,
	"client" text NOT NULL,
	"scope" text NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"revoked_at" bigint
);
--> statement-breakpoint
CREATE TABLE "api"."logins" (
	"user_id" text PRIMARY KEY NOT NULL,
	"subscriber" text NOT NULL,
	"kdf" text NOT NULL,
	"salt" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	"created_at" bigint NOT NULL,
	"changed_at" bigint NOT NULL,
	CONSTRAINT "logins_subscriber_unique" UNIQUE("subscriber")
);
--> statement-breakpoint
CREATE TABLE "api"."refresh_tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"grant_id" text NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"used_at" bigint
);
--> statement-breakpoint
CREATE TABLE "api"."settings" (
	"name" text PRIMARY KEY NOT NULL,
	"value" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "api"."throttles" (
	"id" text PRIMARY KEY NOT NULL,
	"failures" integer NOT NULL,
	"locked_until" bigint NOT NULL,
	"last_at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "api"."grants" ADD CONSTRAINT "grants_client_clients_id_fk" FOREIGN KEY ("client") REFERENCES "api"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "access_tokens_expiry" ON "api"."access_tokens" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "grants_expiry" ON "api"."grants" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "grants_subscriber" ON "api"."grants" USING btree ("subscriber");--> statement-breakpoint
CREATE INDEX "refresh_tokens_expiry" ON "api"."refresh_tokens" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "throttles_last" ON "api"."throttles" USING btree ("last_at");