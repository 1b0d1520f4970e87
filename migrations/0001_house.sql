-- The house: tenants and keys, assistants and what they may cite, conversations and answers, jobs and quotas.
-- depends:

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE workspaces (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE assistants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name text NOT NULL,
    instructions text NOT NULL DEFAULT '',
    greeting text NOT NULL DEFAULT 'Hello, how can I help you?',
    not_found_message text NOT NULL DEFAULT 'I could not find an answer to that in the documents I have.',
    end_message text,
    max_answer_tokens integer NOT NULL DEFAULT 512,
    temperature real NOT NULL DEFAULT 0.2,
    look jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX assistants_by_workspace ON assistants (workspace_id, seq);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    assistant_id uuid REFERENCES assistants ON DELETE CASCADE,
    channel_id uuid,
    kind text NOT NULL CHECK (kind IN ('channel', 'maiagent', 'copianto', 'cognitive', 'admin')),
    prefix text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_by_workspace ON api_keys (workspace_id, seq);

CREATE TABLE channels (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    assistant_id uuid NOT NULL REFERENCES assistants ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('api', 'web', 'line', 'telegram', 'messenger')),
    name text NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX channels_by_assistant ON channels (assistant_id, seq);
ALTER TABLE api_keys ADD FOREIGN KEY (channel_id) REFERENCES channels ON DELETE CASCADE;
CREATE INDEX api_keys_by_channel ON api_keys (channel_id) WHERE channel_id IS NOT NULL;

CREATE TABLE contacts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    channel_id uuid REFERENCES channels ON DELETE SET NULL,
    name text NOT NULL DEFAULT '',
    external_id text,
    avatar_url text,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (workspace_id, channel_id, external_id)
);

CREATE TABLE knowledge_bases (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX knowledge_bases_by_workspace ON knowledge_bases (workspace_id, seq);

CREATE TABLE assistant_knowledge_bases (
    assistant_id uuid NOT NULL REFERENCES assistants ON DELETE CASCADE,
    knowledge_base_id uuid NOT NULL REFERENCES knowledge_bases ON DELETE CASCADE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    PRIMARY KEY (assistant_id, knowledge_base_id)
);
CREATE INDEX assistants_by_knowledge_base ON assistant_knowledge_bases (knowledge_base_id);

CREATE TABLE categories (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    knowledge_base_id uuid NOT NULL REFERENCES knowledge_bases ON DELETE CASCADE,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (knowledge_base_id, name)
);

CREATE TABLE sources (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    knowledge_base_id uuid NOT NULL REFERENCES knowledge_bases ON DELETE CASCADE,
    category_id uuid REFERENCES categories ON DELETE SET NULL,
    kind text NOT NULL CHECK (kind IN ('manual', 'file', 'text', 'website')),
    name text NOT NULL DEFAULT '',
    options jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'not_synced' CHECK (state IN ('not_synced', 'syncing', 'synced', 'sync_error')),
    error text,
    sync_interval text CHECK (sync_interval IN ('day', 'week', 'month')),
    last_sync_at timestamptz,
    next_sync_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sources_by_knowledge_base ON sources (knowledge_base_id, kind, seq);
CREATE INDEX sources_by_workspace ON sources (workspace_id, seq);
CREATE INDEX sources_by_category ON sources (category_id) WHERE category_id IS NOT NULL;
CREATE INDEX sources_due ON sources (next_sync_at) WHERE next_sync_at IS NOT NULL;

CREATE TABLE documents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    knowledge_base_id uuid NOT NULL REFERENCES knowledge_bases ON DELETE CASCADE,
    source_id uuid NOT NULL REFERENCES sources ON DELETE CASCADE,
    category_id uuid REFERENCES categories ON DELETE SET NULL,
    name text NOT NULL,
    title text NOT NULL DEFAULT '',
    url text,
    media_type text,
    content text,
    file_key text,
    file_bytes bigint NOT NULL DEFAULT 0,
    text text NOT NULL DEFAULT '',
    pages jsonb NOT NULL DEFAULT '[]',
    content_hash bytea,
    indexed_hash bytea,
    state text NOT NULL DEFAULT 'not_synced' CHECK (state IN ('not_synced', 'syncing', 'synced', 'sync_error')),
    error text,
    last_sync_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source_id, name)
);
COMMENT ON COLUMN documents.content IS 'what was handed in (a row, a text); text is what is indexed and cited';
COMMENT ON COLUMN documents.content_hash IS 'of what was handed in; equal to indexed_hash when the index is current';
CREATE INDEX documents_by_source ON documents (source_id, seq);
CREATE INDEX documents_by_knowledge_base ON documents (knowledge_base_id);
CREATE INDEX documents_by_workspace ON documents (workspace_id, seq);
CREATE INDEX documents_by_category ON documents (category_id) WHERE category_id IS NOT NULL;

CREATE TABLE conversations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    assistant_id uuid NOT NULL REFERENCES assistants ON DELETE CASCADE,
    channel_id uuid REFERENCES channels ON DELETE SET NULL,
    contact_id uuid REFERENCES contacts ON DELETE SET NULL,
    group_key text,
    title text NOT NULL DEFAULT '',
    messages_count integer NOT NULL DEFAULT 0,
    last_message_at timestamptz,
    last_read_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX conversations_by_channel ON conversations (channel_id, seq DESC);
CREATE INDEX conversations_by_assistant ON conversations (assistant_id, seq DESC);
CREATE INDEX conversations_by_workspace ON conversations (workspace_id, seq DESC);
CREATE INDEX conversations_by_group ON conversations (assistant_id, group_key) WHERE group_key IS NOT NULL;

CREATE TABLE messages (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'tool')),
    kind text NOT NULL DEFAULT 'text',
    number integer NOT NULL,
    content text NOT NULL,
    payload jsonb,
    metadata jsonb,
    visible boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (conversation_id, number)
);
CREATE INDEX messages_by_conversation ON messages (conversation_id, seq);

CREATE TABLE exchanges (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    assistant_id uuid NOT NULL REFERENCES assistants ON DELETE CASCADE,
    conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
    question_message_id uuid NOT NULL REFERENCES messages ON DELETE CASCADE,
    answer_message_id uuid REFERENCES messages ON DELETE SET NULL,
    standalone_question text,
    model text,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'answered', 'not_found', 'failed')),
    relevance real,
    timings_ms jsonb NOT NULL DEFAULT '{}',
    usage jsonb NOT NULL DEFAULT '{}',
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX exchanges_by_assistant ON exchanges (assistant_id, seq DESC);
CREATE INDEX exchanges_by_conversation ON exchanges (conversation_id, seq);
CREATE INDEX exchanges_by_workspace ON exchanges (workspace_id, created_at);
CREATE INDEX exchanges_running ON exchanges (created_at) WHERE state = 'running';

-- Citations and hits name documents and chunks without foreign keys: an old exchange keeps what it already
-- quoted after the document is gone.
CREATE TABLE citations (
    message_id uuid NOT NULL REFERENCES messages ON DELETE CASCADE,
    number integer NOT NULL,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    document_id uuid NOT NULL,
    chunk_id bigint NOT NULL,
    title text NOT NULL,
    url text,
    page integer,
    start_chars integer NOT NULL,
    end_chars integer NOT NULL,
    excerpt text NOT NULL,
    score double precision NOT NULL,
    PRIMARY KEY (message_id, number)
);
CREATE INDEX citations_by_document ON citations (document_id);

CREATE TABLE hits (
    exchange_id uuid NOT NULL REFERENCES exchanges ON DELETE CASCADE,
    rank integer NOT NULL,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    document_id uuid NOT NULL,
    chunk_id bigint NOT NULL,
    score double precision NOT NULL,
    dense_rank integer,
    lexical_rank integer,
    PRIMARY KEY (exchange_id, rank)
);
CREATE INDEX hits_by_chunk ON hits (chunk_id);

CREATE TABLE jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 3,
    lease_token uuid,
    lease_until timestamptz,
    heartbeat_at timestamptz,
    sent_at timestamptz,
    run_after timestamptz NOT NULL DEFAULT now(),
    progress_done integer NOT NULL DEFAULT 0,
    progress_total integer NOT NULL DEFAULT 0,
    result jsonb,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
-- One open job per kind and subject: asking twice is answered by the running one.
CREATE UNIQUE INDEX jobs_open ON jobs (kind, subject_id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_by_state ON jobs (state, run_after) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_by_subject ON jobs (subject_id, seq DESC);
CREATE INDEX jobs_by_workspace ON jobs (workspace_id, seq DESC);

CREATE TABLE quotas (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    channel_id uuid REFERENCES channels ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('messages', 'storage_bytes')),
    limit_units bigint NOT NULL CHECK (limit_units >= 0),
    used_units bigint NOT NULL DEFAULT 0,
    period text NOT NULL DEFAULT 'month' CHECK (period IN ('day', 'month', 'forever')),
    resets_at timestamptz,
    UNIQUE NULLS NOT DISTINCT (workspace_id, channel_id, kind)
);

CREATE TABLE workers (
    id uuid PRIMARY KEY,
    beat_at timestamptz NOT NULL
);
COMMENT ON TABLE workers IS 'worker processes and their last sign of life';
