-- name: lock_models
-- One registration at a time, so that concurrent starts make each row and index once.
SELECT pg_advisory_xact_lock(hashtextextended('embedding models', 0));

-- name: add_model
-- The model's row; the first one serves.
INSERT INTO embedding_models (name, dimensions, serving, served_at)
SELECT %(name)s::text, %(dimensions)s::integer, f.first, CASE WHEN f.first THEN now() END
FROM (SELECT NOT EXISTS (SELECT FROM embedding_models WHERE serving) AS first) AS f
ON CONFLICT (name) DO NOTHING;

-- name: find_model
-- What is known of the model of that name.
SELECT id, dimensions, serving, location, probe, calibration FROM embedding_models WHERE name = %(name)s::text;

-- name: find_serving
-- The model that serves.
SELECT id, name, location FROM embedding_models WHERE serving;

-- name: describe_model
-- Notes where the model was loaded from, and its probe and calibration where they are given.
UPDATE embedding_models
SET location = coalesce(%(location)s::text, location), probe = coalesce(%(probe)s::halfvec, probe),
    calibration = coalesce(%(calibration)s::jsonb, calibration)
WHERE id = %(model_id)s::integer;

-- name: has_vector_index
-- Whether the model's HNSW index exists and is usable.
SELECT EXISTS (
    SELECT FROM pg_index
    WHERE indexrelid = to_regclass('chunk_vectors_hnsw_' || %(model_id)s::integer) AND indisvalid
);

-- name: make_vector_index
-- The partial HNSW index of one model, made while it has no vectors.
CREATE INDEX IF NOT EXISTS chunk_vectors_hnsw_{model_id} ON chunk_vectors
USING hnsw ((embedding::halfvec({dimensions})) halfvec_cosine_ops) WHERE model_id = {model_id};

-- name: join_writers
-- Keeps the serving model from being switched until the transaction ends.
SELECT pg_advisory_xact_lock_shared(hashtextextended('serving embedding model', 0));

-- name: stop_writers
-- Waits for the transactions that write vectors; until the session lets go, no other one begins.
SELECT pg_advisory_lock(hashtextextended('serving embedding model', 0));

-- name: let_writers_go_on
-- Ends what stop_writers began.
SELECT pg_advisory_unlock(hashtextextended('serving embedding model', 0));

-- name: retire_model
-- No model serves: the first half of a switch.
UPDATE embedding_models SET serving = false WHERE serving AND id <> %(model_id)s::integer;

-- name: serve_model
-- The model serves: the second half of a switch.
UPDATE embedding_models SET serving = true, served_at = now() WHERE id = %(model_id)s::integer AND NOT serving;

-- name: lock_reindex
-- Whether this session is now the only one that reindexes or prunes.
SELECT pg_try_advisory_lock(hashtextextended('reindex', 0));

-- name: unlock_reindex
-- Ends what lock_reindex began.
SELECT pg_advisory_unlock(hashtextextended('reindex', 0));

-- name: use_model
-- Shows that this session's process answers with the model, and with no other.
SELECT pg_advisory_unlock_all(), pg_advisory_lock_shared(7879, %(model_id)s::integer);

-- name: count_users
-- How many processes answer with the model: they hold what use_model takes.
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = 7879 AND objid = %(model_id)s::integer::oid
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
