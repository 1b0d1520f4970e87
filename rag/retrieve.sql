-- name: begin_search
-- How many chunks the knowledge bases hold, and how many terms those have together. For this transaction: how far the
-- vector index looks, which is farther the more vectors there are (README, "The lexical half"), and that it goes on while
-- the filter drops what it finds.
SELECT chunks_count, terms_count,
    set_config('hnsw.ef_search', least(800, greatest(200, vectors / 200))::text, true),
    set_config('hnsw.iterative_scan', 'relaxed_order', true)
FROM (
    SELECT coalesce(sum(chunks_count), 0)::bigint AS chunks_count, coalesce(sum(terms_count), 0)::bigint AS terms_count,
        greatest(
            sum(chunks_count)::bigint,
            (SELECT reltuples::bigint FROM pg_class WHERE oid = 'chunk_vectors'::regclass)
        ) AS vectors
    FROM lexicon_statistics
    WHERE knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[])
) AS counted;

-- name: count_chunks
-- How many chunks the categories hold, counted up to a limit.
SELECT count(*) FROM (
    SELECT FROM chunks
    WHERE knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[]) AND category_id = ANY(%(category_ids)s::uuid[])
    LIMIT %(limit)s::integer
) AS counted;

-- name: nearest
-- The nearest chunks of the scope: by comparing all of them where that is sooner, else through the model's vector index.
-- The index takes longer, the smaller the part of all vectors is that lies in the scope.
WITH size AS MATERIALIZED (
    SELECT counted.scope <= %(few)s::bigint
        OR counted.scope <= %(most)s::bigint AND counted.scope ^ 2 <= %(few)s::bigint / 2 * counted.vectors AS is_small
    FROM (
        SELECT coalesce(%(searched)s::bigint, sum(chunks_count), 0) AS scope, greatest(
            sum(chunks_count), (SELECT reltuples::bigint FROM pg_class WHERE oid = 'chunk_vectors'::regclass)
        ) AS vectors
        FROM lexicon_statistics
        WHERE knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[])
    ) AS counted
), compared AS MATERIALIZED (
    SELECT chunk_id, (embedding::halfvec({dimensions})) <=> %(vector)s::halfvec({dimensions}) AS distance
    FROM chunk_vectors
    WHERE (SELECT is_small FROM size)
        AND model_id = {model_id} AND knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[])
        AND (cardinality(%(category_ids)s::uuid[]) = 0 OR category_id = ANY(%(category_ids)s::uuid[]))
)
(SELECT chunk_id FROM compared ORDER BY distance LIMIT %(candidates)s::integer)
UNION ALL
(
    SELECT chunk_id
    FROM chunk_vectors
    WHERE NOT (SELECT is_small FROM size)
        AND model_id = {model_id} AND knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[])
        AND (cardinality(%(category_ids)s::uuid[]) = 0 OR category_id = ANY(%(category_ids)s::uuid[]))
    ORDER BY (embedding::halfvec({dimensions})) <=> %(vector)s::halfvec({dimensions})
    LIMIT %(candidates)s::integer
);

-- name: find_terms
-- The question's terms that the knowledge bases know. The rarest of them, up to a number of postings (more where a scope
-- is a small part of the chunks), have their posting lists, which may be several rows and are as PostgreSQL sends arrays:
-- the caller reads them without making an object of each number.
WITH known AS (
    SELECT id, term, df, sum(df) OVER (ORDER BY df, id) AS up_to, array_send(entries) AS sent
    FROM terms
    WHERE knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[]) AND term = ANY(%(terms)s::text[])
), wanted AS (
    SELECT id, term, df, sent, up_to = df OR up_to <= %(postings)s::float8 / least(1, greatest(
        %(narrowest)s::float8, coalesce(%(searched)s::float8 / nullif((
            SELECT sum(chunks_count)
            FROM lexicon_statistics
            WHERE knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[])
        ), 0), 1)
    )) AS is_rare
    FROM known
)
SELECT id, term, df, CASE WHEN is_rare THEN sent END FROM wanted
UNION ALL
SELECT w.id, w.term, w.df, array_send(b.entries)
FROM wanted AS w JOIN posting_blocks AS b ON b.term_id = w.id
WHERE w.is_rare;

-- name: keep_categories
-- Those of the chunks that lie in the categories.
SELECT id
FROM chunks
WHERE knowledge_base_id = ANY(%(knowledge_base_ids)s::uuid[]) AND category_id = ANY(%(category_ids)s::uuid[])
    AND id = ANY(%(chunk_ids)s::bigint[]);

-- name: keep_plans
-- For the rest of this transaction: a plan that was made once serves any parameters, as `complete` takes as long to plan.
SELECT set_config('plan_cache_mode', 'force_generic_plan', true);

-- name: complete
-- Both scores of every candidate, best first by what they add up to, the first of them with what `list_hits` tells.
WITH scored AS (
    SELECT c.chunk_id, 1 - ((v.embedding::halfvec({dimensions})) <=> %(vector)s::halfvec({dimensions})) AS cosine,
        coalesce(w.score, 0) AS bm25
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
    ) AS w ON true
), ranked AS (
    SELECT chunk_id, cosine, bm25, row_number() OVER (
        ORDER BY %(per_cosine)s::float8 * coalesce(cosine, 0)
            + %(per_words)s::float8 * coalesce(bm25 / nullif(max_bm25, 0), 0) DESC, chunk_id
    ) AS place
    FROM (SELECT chunk_id, cosine, bm25, max(bm25) OVER () AS max_bm25 FROM scored) AS s
)
SELECT r.chunk_id, r.cosine, r.bm25, h.document_id, h.title, h.url, h.text, h.start_chars, h.end_chars, h.page,
    h.heading_path, h.space_after
FROM ranked AS r
LEFT JOIN LATERAL (
    SELECT c.document_id, coalesce(nullif(d.title, ''), d.name) AS title, d.url, c.text, c.start_chars, c.end_chars,
        c.page, c.heading_path, (
            SELECT substr(d.text, c.end_chars + 1, n.start_chars - c.end_chars)
            FROM chunks AS n
            WHERE n.document_id = c.document_id AND n.ordinal = c.ordinal + 1 AND n.id = ANY(%(chunk_ids)s::bigint[])
        ) AS space_after
    FROM chunks AS c JOIN documents AS d ON d.id = c.document_id
    WHERE c.id = r.chunk_id AND r.place <= %(shown)s::integer
    OFFSET 0
) AS h ON true
ORDER BY r.place;

-- name: list_hits
-- The chunks with what a reader is shown of their documents, and the space before the next one if that is among them.
SELECT c.id, c.document_id, coalesce(nullif(d.title, ''), d.name), d.url, c.text, c.start_chars, c.end_chars, c.page,
    c.heading_path, substr(d.text, c.end_chars + 1, n.start_chars - c.end_chars)
FROM chunks AS c JOIN documents AS d ON d.id = c.document_id
LEFT JOIN chunks AS n
    ON n.document_id = c.document_id AND n.ordinal = c.ordinal + 1 AND n.id = ANY(%(chunk_ids)s::bigint[])
WHERE c.id = ANY(%(chunk_ids)s::bigint[]);
