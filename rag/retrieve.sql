-- name: scope_statistics
-- How many chunks the knowledge bases hold, how many terms those have together, and how many vectors there are about.
SELECT coalesce(sum(chunks_count), 0)::bigint, coalesce(sum(terms_count), 0)::bigint,
    (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'chunk_vectors'::regclass)
FROM lexicon_statistics
WHERE knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[]);

-- name: find_terms
-- The question's terms that the knowledge bases know.
SELECT id, term, df
FROM terms
WHERE knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[]) AND term = ANY(%(terms)s::text[]);

-- name: count_chunks
-- How many chunks the categories hold, counted up to a limit.
SELECT count(*) FROM (
    SELECT FROM chunks
    WHERE knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[]) AND category_id = ANY(%(category_ids)s::uuid[])
    LIMIT %(limit)s::integer
) AS counted;

-- name: set_search
-- For this transaction: how far the vector index looks, and that it goes on while the filter drops what it finds.
SELECT set_config('hnsw.ef_search', %(ef_search)s::text, true),
    set_config('hnsw.iterative_scan', 'relaxed_order', true);

-- name: nearest_exact
-- The nearest chunks of the scope, by comparing all of them.
WITH scope AS MATERIALIZED (
    SELECT chunk_id, (embedding::halfvec({dimensions})) <=> %(vector)s::halfvec({dimensions}) AS distance
    FROM chunk_vectors
    WHERE model_id = {model_id} AND knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[])
        AND (cardinality(%(category_ids)s::uuid[]) = 0 OR category_id = ANY(%(category_ids)s::uuid[]))
)
SELECT chunk_id FROM scope ORDER BY distance LIMIT %(candidates)s::integer;

-- name: nearest
-- The nearest chunks of the scope, through the model's vector index.
SELECT chunk_id
FROM chunk_vectors
WHERE model_id = {model_id} AND knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[])
    AND (cardinality(%(category_ids)s::uuid[]) = 0 OR category_id = ANY(%(category_ids)s::uuid[]))
ORDER BY (embedding::halfvec({dimensions})) <=> %(vector)s::halfvec({dimensions})
LIMIT %(candidates)s::integer;

-- name: list_postings
-- The posting lists of terms as PostgreSQL sends arrays: the caller reads them without making an object of each number.
SELECT id, array_send(entries) FROM terms WHERE id = ANY(%(term_ids)s::integer[])
UNION ALL
SELECT term_id, array_send(entries) FROM posting_blocks WHERE term_id = ANY(%(term_ids)s::integer[]);

-- name: keep_categories
-- Those of the chunks that lie in the categories.
SELECT id
FROM chunks
WHERE knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[]) AND category_id = ANY(%(category_ids)s::uuid[])
    AND id = ANY(%(chunk_ids)s::bigint[]);

-- name: complete
-- Both scores of every candidate.
SELECT c.chunk_id, 1 - ((v.embedding::halfvec({dimensions})) <=> %(vector)s::halfvec({dimensions})),
    coalesce(w.score, 0)
FROM unnest(%(chunk_ids)s::bigint[]) AS c (chunk_id)
LEFT JOIN chunk_vectors AS v ON v.chunk_id = c.chunk_id AND v.model_id = {model_id}
LEFT JOIN chunk_terms AS t ON t.chunk_id = c.chunk_id
LEFT JOIN LATERAL (
    SELECT sum(
        p.weight * p.tf
        / (p.tf + %(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8 * t.terms_count / %(mean)s::float8))
    ) AS score
    FROM (
        SELECT a.term_id, a.weight, get_byte(t.tfs, a.place - 1) AS tf
        -- The place that the term has in the ascending list, if it is there.
        FROM (
            SELECT term_id, weight, width_bucket(term_id, t.term_ids) AS place
            FROM unnest(%(term_ids)s::integer[], %(weights)s::float8[]) AS asked (term_id, weight)
            OFFSET 0
        ) AS a
        WHERE t.term_ids[a.place] = a.term_id
        OFFSET 0
    ) AS p
) AS w ON true;

-- name: list_hits
-- The chunks with what a reader is shown of their documents, and the space before the next one if that is among them.
SELECT c.id, c.document_id, coalesce(nullif(d.title, ''), d.name), d.url, c.text, c.start_chars, c.end_chars, c.page,
    c.heading_path, substr(d.text, c.end_chars + 1, n.start_chars - c.end_chars)
FROM chunks AS c JOIN documents AS d ON d.id = c.document_id
LEFT JOIN chunks AS n
    ON n.document_id = c.document_id AND n.ordinal = c.ordinal + 1 AND n.id = ANY(%(chunk_ids)s::bigint[])
WHERE c.id = ANY(%(chunk_ids)s::bigint[]);
