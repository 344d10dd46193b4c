CREATE SCHEMA "notify";
--> statement-breakpoint
CREATE TABLE "notify"."messages" (
	"id" text PRIMARY KEY NOT NULL,
	"channel" text NOT NULL,
	"status" text NOT NULL,
	"sealed" "bytea",
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"next_at" bigint NOT NULL,
	"attempts" integer NOT NULL,
	"ended_at" bigint,
	"receipt" text,
	"trouble" text
);
--> statement-breakpoint
CREATE INDEX "messages_due" ON "notify"."messages" USING btree ("status","channel","next_at");--> statement-breakpoint
CREATE INDEX "messages_ended" ON "notify"."messages" USING btree ("ended_at");