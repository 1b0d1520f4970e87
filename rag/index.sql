-- name: known_hashes
-- The hashes of a document's chunks that have a vector under the model.
SELECT DISTINCT c.text_hash
FROM chunks AS c JOIN chunk_vectors AS v ON v.chunk_id = c.id
WHERE c.document_id = %(document_id)s::uuid AND v.model_id = %(model_id)s::integer;

-- name: lock_lexicon
-- Waits until no other transaction writes the lexicon of the knowledge base.
SELECT lock_lexicon(%(knowledge_base_id)s::uuid);

-- name: list_chunks
-- The chunks of a document as they are stored.
SELECT c.id, c.text_hash, EXISTS (
    SELECT FROM chunk_vectors AS v WHERE v.chunk_id = c.id AND v.model_id = %(model_id)s::integer
), c.category_id
FROM chunks AS c
WHERE c.document_id = %(document_id)s::uuid
ORDER BY c.ordinal;

-- name: remove_chunks
-- Removes chunks; vectors, terms and statistics follow.
DELETE FROM chunks WHERE id = ANY(%(chunk_ids)s::bigint[]);

-- name: move_chunks
-- New places for chunks whose text is unchanged.
UPDATE chunks AS c
SET ordinal = n.ordinal, start_chars = n.start_chars, end_chars = n.end_chars, page = n.page
FROM unnest(
    %(chunk_ids)s::bigint[], %(ordinals)s::integer[], %(starts)s::integer[], %(ends)s::integer[], %(pages)s::integer[]
) AS n (id, ordinal, start_chars, end_chars, page)
WHERE c.id = n.id
    AND (c.ordinal, c.start_chars, c.end_chars, c.page)
        IS DISTINCT FROM (n.ordinal, n.start_chars, n.end_chars, n.page);

-- name: add_chunks
-- Inserts chunks and returns their ids by ordinal; a heading path comes as a JSON list.
INSERT INTO chunks (
    workspace_id, knowledge_base_id, document_id, category_id, ordinal, start_chars, end_chars, page, heading_path,
    text, text_hash, terms_count
)
SELECT
    %(workspace_id)s::uuid, %(knowledge_base_id)s::uuid, %(document_id)s::uuid, %(category_id)s::uuid, n.ordinal,
    n.start_chars, n.end_chars, n.page, ARRAY(SELECT jsonb_array_elements_text(n.heading_path::jsonb)),
    n.text, n.text_hash, n.terms_count
FROM unnest(
    %(ordinals)s::integer[], %(starts)s::integer[], %(ends)s::integer[], %(pages)s::integer[], %(paths)s::text[],
    %(texts)s::text[], %(hashes)s::bytea[], %(terms_counts)s::integer[]
) AS n (ordinal, start_chars, end_chars, page, heading_path, text, text_hash, terms_count)
ORDER BY n.ordinal
RETURNING id, ordinal;

-- name: add_vector
-- Inserts the vector of one chunk.
INSERT INTO chunk_vectors (chunk_id, model_id, workspace_id, knowledge_base_id, category_id, embedding)
VALUES (
    %(chunk_id)s::bigint, %(model_id)s::integer, %(workspace_id)s::uuid, %(knowledge_base_id)s::uuid,
    %(category_id)s::uuid, %(embedding)s::halfvec
);

-- name: copy_vectors
-- Gives chunks the vectors that chunks of the same document and content have.
INSERT INTO chunk_vectors (chunk_id, model_id, workspace_id, knowledge_base_id, category_id, embedding)
SELECT DISTINCT ON (c.id) c.id, v.model_id, c.workspace_id, c.knowledge_base_id, c.category_id, v.embedding
FROM chunks AS c
JOIN chunks AS twin ON twin.document_id = c.document_id AND twin.text_hash = c.text_hash
JOIN chunk_vectors AS v ON v.chunk_id = twin.id AND v.model_id = %(model_id)s::integer
WHERE c.id = ANY(%(chunk_ids)s::bigint[]);

-- name: plan_by_index
-- For this transaction: finds rows by index whatever the statistics say, as writing must cost the same at any size.
SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
    set_config('enable_seqscan', 'off', true);

-- name: count_terms
-- Counts chunks in for each term that they hold, and returns the ids of the terms; only new terms draw an id.
-- Entries come in the order of the terms, a term's ascending and up to its last. A full list goes to a block.
WITH listed AS MATERIALIZED (
    SELECT term, df, (%(entries)s::bigint[])[last - df + 1:last] AS entries
    FROM unnest(%(terms)s::text[], %(dfs)s::integer[], %(lasts)s::integer[]) AS t (term, df, last)
), found AS MATERIALIZED (
    SELECT t.id, listed.term, t.entries AS before, listed.df, listed.entries,
        cardinality(t.entries) >= %(block_entries)s::integer AS is_full
    FROM listed LEFT JOIN LATERAL (
        SELECT id, entries FROM terms
        WHERE knowledge_base_id = %(knowledge_base_id)s::uuid AND term = listed.term
        OFFSET 0
    ) AS t ON true
), moved AS (
    INSERT INTO posting_blocks (term_id, first_chunk_id, entries)
    SELECT id, before[1] >> 24, before FROM found WHERE is_full
), counted AS (
    UPDATE terms SET df = terms.df + found.df,
        entries = CASE WHEN found.is_full THEN found.entries ELSE found.before || found.entries END
    FROM found WHERE terms.id = found.id
), added AS (
    INSERT INTO terms (workspace_id, knowledge_base_id, term, df, entries)
    SELECT %(workspace_id)s::uuid, %(knowledge_base_id)s::uuid, term, df, entries FROM found WHERE id IS NULL
    RETURNING term, id
)
SELECT term, id FROM found WHERE id IS NOT NULL UNION ALL SELECT term, id FROM added;

-- name: add_chunk_terms
-- Inserts the terms of chunks; the ids of a chunk's terms come as the text of an array, in ascending order.
INSERT INTO chunk_terms (chunk_id, workspace_id, category_id, terms_count, term_ids, tfs)
SELECT n.chunk_id, %(workspace_id)s::uuid, %(category_id)s::uuid, n.terms_count, n.term_ids::integer[], n.tfs
FROM unnest(
    %(chunk_ids)s::bigint[], %(terms_counts)s::integer[], %(term_ids)s::text[], %(tfs)s::bytea[]
) AS n (chunk_id, terms_count, term_ids, tfs);

-- name: count_in
-- Adds chunks to the statistics of the knowledge base.
INSERT INTO lexicon_statistics AS s (knowledge_base_id, workspace_id, chunks_count, terms_count)
VALUES (
    %(knowledge_base_id)s::uuid, %(workspace_id)s::uuid, %(chunks_count)s::bigint, %(terms_count)s::bigint
)
ON CONFLICT (knowledge_base_id) DO UPDATE
SET chunks_count = s.chunks_count + excluded.chunks_count, terms_count = s.terms_count + excluded.terms_count;

-- name: lock_lexicons_of_documents
-- Waits for the lexicon of every knowledge base that the documents belong to, always in the same order.
SELECT lock_lexicon(b.id)
FROM (
    SELECT DISTINCT knowledge_base_id AS id FROM chunks WHERE document_id = ANY(%(document_ids)s::uuid[]) ORDER BY 1
) AS b;

-- name: remove_documents
-- Removes every chunk of the documents; vectors, terms and statistics follow.
DELETE FROM chunks WHERE document_id = ANY(%(document_ids)s::uuid[]);

-- name: remove_knowledge_base
-- Removes every chunk of the knowledge base; vectors, terms and statistics follow.
DELETE FROM chunks WHERE knowledge_base_id = %(knowledge_base_id)s::uuid;

-- name: set_category
-- Moves a document's chunks with their vectors and terms to another category, or to none.
SELECT move_chunks(%(document_id)s::uuid, %(category_id)s::uuid);
