-- What an inbox needs: who talks, what is unread, what came along with a message, what people think of an answer,
-- and who is told of it.
-- depends: 0007_lock_order

-- All tables that are touched, or none: whoever answers meanwhile takes them in other orders. Waiting ends before a
-- deadlock would be looked for (deadlock_timeout: 1s), and what was locked so far is let go.
DO $$
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);
    LOOP
        BEGIN
            LOCK TABLE conversations, contacts, messages IN ACCESS EXCLUSIVE MODE;
            LOCK TABLE workspaces, assistants, chunks, exchanges, hits IN SHARE ROW EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.1);
        END;
    END LOOP;
    PERFORM set_config('lock_timeout', '0', true);
END
$$;

ALTER TABLE contacts ADD COLUMN email text, ADD COLUMN phone_number text;
CREATE INDEX contacts_by_workspace ON contacts (workspace_id, seq);
CREATE INDEX contacts_by_channel ON contacts (channel_id) WHERE channel_id IS NOT NULL;

ALTER TABLE conversations
    ADD COLUMN active_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN unread_count integer NOT NULL DEFAULT 0,
    ADD COLUMN metadata jsonb,
    ADD COLUMN ip_address text;
COMMENT ON COLUMN conversations.active_at IS 'when it began or was last spoken in; the order of an inbox';
COMMENT ON COLUMN conversations.unread_count IS 'what contacts said since last_read_at';
UPDATE conversations SET active_at = coalesce(last_message_at, created_at);
CREATE INDEX conversations_by_activity ON conversations (channel_id, active_at DESC, seq DESC);
CREATE INDEX conversations_unread ON conversations (channel_id) WHERE unread_count > 0;
CREATE INDEX conversations_by_contact ON conversations (contact_id) WHERE contact_id IS NOT NULL;

ALTER TABLE messages
    ADD COLUMN sender_id uuid REFERENCES contacts ON DELETE SET NULL,
    ADD COLUMN canvas jsonb;
CREATE INDEX messages_by_sender ON messages (sender_id) WHERE sender_id IS NOT NULL;

CREATE TABLE attachments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    conversation_id uuid REFERENCES conversations ON DELETE CASCADE,
    message_id uuid REFERENCES messages ON DELETE CASCADE,
    kind text NOT NULL DEFAULT 'other' CHECK (kind IN ('image', 'video', 'audio', 'sticker', 'other')),
    name text NOT NULL,
    url text,
    file_key text NOT NULL,
    file_bytes bigint NOT NULL,
    text text,
    error text,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN attachments.url IS 'where it was fetched from; null when it was uploaded';
COMMENT ON COLUMN attachments.text IS 'what was read of it; null until it was, or when error says why it was not';
CREATE INDEX attachments_by_message ON attachments (message_id, seq);
CREATE INDEX attachments_by_conversation ON attachments (conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX attachments_by_workspace ON attachments (workspace_id, seq);
CREATE INDEX attachments_by_file ON attachments (file_key);

CREATE TABLE uploads (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name text NOT NULL,
    announced_bytes bigint NOT NULL CHECK (announced_bytes > 0),
    file_key text,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE uploads IS 'a presigned upload: good for one file of the announced size, until it expires';
CREATE INDEX uploads_by_workspace ON uploads (workspace_id);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);

CREATE TABLE feedback (
    message_id uuid PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('like', 'dislike')),
    suggestion text,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX feedback_by_workspace ON feedback (workspace_id);

CREATE TABLE webhooks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    assistant_id uuid NOT NULL UNIQUE REFERENCES assistants ON DELETE CASCADE,
    url text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhooks_by_workspace ON webhooks (workspace_id);

CREATE TABLE deliveries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    message_id uuid NOT NULL REFERENCES messages ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    status_code integer,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    UNIQUE (webhook_id, message_id)
);
COMMENT ON TABLE deliveries IS 'one answer that a webhook is told of, and how that went';
CREATE INDEX deliveries_by_message ON deliveries (message_id);
CREATE INDEX deliveries_by_workspace ON deliveries (workspace_id, seq DESC);

-- How often a chunk was retrieved; counting its hits anew would take longer with every answer.
CREATE TABLE chunk_hits (
    chunk_id bigint PRIMARY KEY REFERENCES chunks ON DELETE CASCADE,
    hits_count bigint NOT NULL
);
INSERT INTO chunk_hits (chunk_id, hits_count)
SELECT chunk_id, count(*) FROM hits WHERE chunk_id IN (SELECT id FROM chunks) GROUP BY chunk_id;

-- How many questions an assistant was asked on a day (UTC): the counts and far pages of its records.
CREATE TABLE exchange_days (
    assistant_id uuid NOT NULL REFERENCES assistants ON DELETE CASCADE,
    day date NOT NULL,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    exchanges_count bigint NOT NULL,
    PRIMARY KEY (assistant_id, day)
);
CREATE INDEX exchange_days_by_workspace ON exchange_days (workspace_id);
INSERT INTO exchange_days (assistant_id, day, workspace_id, exchanges_count)
SELECT assistant_id, (created_at AT TIME ZONE 'UTC')::date, workspace_id, count(*) FROM exchanges GROUP BY 1, 2, 3;
CREATE INDEX exchanges_by_time ON exchanges (assistant_id, created_at DESC, seq DESC);
CREATE INDEX exchanges_by_question ON exchanges (question_message_id);
CREATE INDEX exchanges_by_answer ON exchanges (answer_message_id) WHERE answer_message_id IS NOT NULL;
