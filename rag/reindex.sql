-- name: count_missing
-- How many chunks there are, and how many of them have no vector under the model.
SELECT count(*), count(*) FILTER (WHERE v.chunk_id IS NULL)
FROM chunks AS c LEFT JOIN chunk_vectors AS v ON v.chunk_id = c.id AND v.model_id = %(model_id)s::integer;

-- name: list_missing
-- The next chunks that have no vector under the model, with what a vector is made from.
SELECT c.id, d.title, c.heading_path, c.text
FROM chunks AS c JOIN documents AS d ON d.id = c.document_id
WHERE c.id > %(after)s::bigint AND NOT EXISTS (
    SELECT FROM chunk_vectors AS v WHERE v.chunk_id = c.id AND v.model_id = %(model_id)s::integer
)
ORDER BY c.id
LIMIT %(limit)s::integer;

-- name: add_vectors
-- Inserts vectors of chunks that are still there; one that is being removed or moved just now waits for another round.
WITH held AS (
    SELECT id, workspace_id, knowledge_base_id, category_id
    FROM chunks
    WHERE id = ANY(%(chunk_ids)s::bigint[])
    FOR SHARE SKIP LOCKED
)
INSERT INTO chunk_vectors (chunk_id, model_id, workspace_id, knowledge_base_id, category_id, embedding)
SELECT h.id, %(model_id)s::integer, h.workspace_id, h.knowledge_base_id, h.category_id, n.embedding::halfvec
FROM held AS h
JOIN unnest(%(chunk_ids)s::bigint[], %(embeddings)s::text[]) AS n (chunk_id, embedding) ON n.chunk_id = h.id
ON CONFLICT (chunk_id, model_id) DO NOTHING;

-- name: set_build
-- For this session: a build ends soon after the process that asked for it has died; it gets memory for the graph, and
-- one process: the others answer questions, and a container's shared memory is small.
SELECT set_config('client_connection_check_interval', '2s', false),
    set_config('maintenance_work_mem', '256MB', false),
    set_config('max_parallel_maintenance_workers', '0', false);

-- name: build_vector_index
-- The partial HNSW index of one model over all its vectors, while questions and syncs go on.
CREATE INDEX CONCURRENTLY chunk_vectors_hnsw_{model_id} ON chunk_vectors
USING hnsw ((embedding::halfvec({dimensions})) halfvec_cosine_ops) WHERE model_id = {model_id};

-- name: building
-- How far the index of a model is built, in blocks of the table.
SELECT blocks_done, blocks_total FROM pg_stat_progress_create_index
WHERE index_relid = to_regclass('chunk_vectors_hnsw_' || %(model_id)s::integer) AND blocks_total > 0;

-- name: drop_vector_index
-- Removes a model's index, or what an interrupted build left of it, while questions and syncs go on.
DROP INDEX CONCURRENTLY IF EXISTS chunk_vectors_hnsw_{model_id};

-- name: analyze_vectors
-- The planner's statistics of the vectors.
ANALYZE chunk_vectors;

-- name: list_retired
-- The models that do not serve.
SELECT id, name FROM embedding_models WHERE NOT serving ORDER BY id;

-- name: remove_vectors
-- Removes a model's vectors.
DELETE FROM chunk_vectors WHERE model_id = %(model_id)s::integer;

-- name: remove_model
-- Removes a model that does not serve.
DELETE FROM embedding_models WHERE id = %(model_id)s::integer AND NOT serving;
