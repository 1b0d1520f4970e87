-- The lexicon's postings in lists: a term's latest chunks in its own row, older ones in blocks, and a chunk's terms as an
-- array, where there was one row a term and chunk. A seventh of the space; the figures are in rag/README.md.
-- depends: 0003_queue

-- Whoever writes the index touches documents first, so this waits for them all and keeps them out.
LOCK TABLE documents IN SHARE ROW EXCLUSIVE MODE;

ALTER TABLE terms RENAME TO terms_before;
ALTER TABLE terms_before RENAME CONSTRAINT terms_pkey TO terms_before_pkey;
ALTER TABLE terms_before RENAME CONSTRAINT terms_knowledge_base_id_term_key TO terms_before_term_key;
ALTER TABLE postings RENAME TO postings_before;

CREATE TABLE terms (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL REFERENCES knowledge_bases ON DELETE CASCADE,
    term text COLLATE "C" NOT NULL,
    df integer NOT NULL CHECK (df > 0),
    entries bigint[] NOT NULL,
    UNIQUE (knowledge_base_id, term)
) WITH (fillfactor = 70);
COMMENT ON COLUMN terms.df IS 'how many chunks of the knowledge base hold the term';
COMMENT ON COLUMN terms.entries IS 'the latest of them, ascending: chunk << 24 | how often (to 255) << 16 | terms of the chunk (to 65535)';

CREATE TABLE posting_blocks (
    term_id integer NOT NULL REFERENCES terms ON DELETE CASCADE,
    first_chunk_id bigint NOT NULL,
    entries bigint[] NOT NULL,
    PRIMARY KEY (term_id, first_chunk_id)
);
COMMENT ON TABLE posting_blocks IS 'earlier entries of a term; blocks of a term do not overlap';

-- No foreign key to chunks: the trigger on chunks removes the row, and counts its terms out.
CREATE TABLE chunk_terms (
    chunk_id bigint PRIMARY KEY,
    workspace_id uuid NOT NULL,
    category_id uuid,
    terms_count integer NOT NULL,
    term_ids integer[] NOT NULL,
    tfs bytea NOT NULL
) WITH (toast_tuple_target = 8160);
COMMENT ON TABLE chunk_terms IS 'a row stays in one piece up to a page: a compressed array would be unpacked for every term asked';
COMMENT ON COLUMN chunk_terms.term_ids IS 'ascending, so that a term is found by width_bucket';
COMMENT ON COLUMN chunk_terms.tfs IS 'how often each of them occurs, a byte each; 255 stands for more';

INSERT INTO terms (workspace_id, knowledge_base_id, term, df, entries)
SELECT b.workspace_id, b.knowledge_base_id, b.term, b.df,
    array_agg((c.id << 24) | (least(p.tf, 255) << 16) | least(c.terms_count, 65535) ORDER BY c.id)
FROM terms_before AS b JOIN postings_before AS p ON p.term_id = b.id JOIN chunks AS c ON c.id = p.chunk_id
GROUP BY b.id, b.workspace_id, b.knowledge_base_id, b.term, b.df;
INSERT INTO chunk_terms (chunk_id, workspace_id, category_id, terms_count, term_ids, tfs)
SELECT c.id, c.workspace_id, c.category_id, c.terms_count, array_agg(t.id ORDER BY t.id),
    string_agg(set_byte('\x00'::bytea, 0, least(p.tf, 255)), ''::bytea ORDER BY t.id)
FROM chunks AS c
JOIN postings_before AS p ON p.chunk_id = c.id
JOIN terms_before AS b ON b.id = p.term_id
JOIN terms AS t ON t.knowledge_base_id = b.knowledge_base_id AND t.term = b.term
GROUP BY c.id;
INSERT INTO posting_blocks (term_id, first_chunk_id, entries)
SELECT t.id, t.entries[n] >> 24, t.entries[n:n + 63]
FROM terms AS t CROSS JOIN LATERAL generate_series(1, cardinality(t.entries) - 64, 64) AS n;
UPDATE terms SET entries = entries[(cardinality(entries) - 1) / 64 * 64 + 1:] WHERE cardinality(entries) > 64;
ANALYZE terms, posting_blocks, chunk_terms;
DROP TABLE postings_before, terms_before;

CREATE VIEW postings AS
SELECT held.term_id, held.entry >> 24 AS chunk_id, c.category_id, (held.entry >> 16 & 255)::integer AS tf,
    (held.entry & 65535)::integer AS terms_count
FROM (
    SELECT id AS term_id, unnest(entries) AS entry FROM terms
    UNION ALL
    SELECT term_id, unnest(entries) FROM posting_blocks
) AS held
LEFT JOIN chunk_terms AS c ON c.chunk_id = held.entry >> 24;
COMMENT ON VIEW postings IS 'a term in a chunk; say which terms by = ANY of an array, so that only their lists are read';

-- Takes chunks out of the lists and document frequencies of their terms. Plans by index whatever the statistics say:
-- the cost must follow the chunks, not the knowledge base.
CREATE FUNCTION forget_terms(chunk_ids bigint[]) RETURNS void LANGUAGE sql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
    WITH lost AS (
        DELETE FROM chunk_terms WHERE chunk_id = ANY(chunk_ids) RETURNING chunk_id, term_ids
    ), shed AS MATERIALIZED (
        SELECT held.term_id, lost.chunk_id FROM lost CROSS JOIN LATERAL unnest(lost.term_ids) AS held (term_id)
    ), shares AS MATERIALIZED (
        SELECT term_id, count(*) AS n, array_agg(chunk_id) AS chunk_ids FROM shed GROUP BY term_id
    ), places AS MATERIALIZED (
        SELECT shed.term_id, block.first_chunk_id, array_agg(shed.chunk_id) AS chunk_ids
        FROM shed JOIN terms AS t ON t.id = shed.term_id CROSS JOIN LATERAL (
            SELECT b.first_chunk_id FROM posting_blocks AS b
            WHERE b.term_id = shed.term_id AND b.first_chunk_id <= shed.chunk_id
            ORDER BY b.first_chunk_id DESC LIMIT 1
        ) AS block
        WHERE coalesce(shed.chunk_id < t.entries[1] >> 24, true)
        GROUP BY shed.term_id, block.first_chunk_id
    ), blocks AS MATERIALIZED (
        SELECT b.term_id, b.first_chunk_id, ARRAY(
            SELECT e.entry FROM unnest(b.entries) AS e (entry)
            WHERE e.entry >> 24 NOT IN (SELECT unnest(places.chunk_ids)) ORDER BY e.entry
        ) AS entries
        FROM places JOIN posting_blocks AS b
            ON b.term_id = places.term_id AND b.first_chunk_id = places.first_chunk_id
    ), emptied AS (
        DELETE FROM posting_blocks AS b USING blocks
        WHERE b.term_id = blocks.term_id AND b.first_chunk_id = blocks.first_chunk_id AND blocks.entries = '{}'
    ), shortened AS (
        UPDATE posting_blocks AS b SET entries = blocks.entries FROM blocks
        WHERE b.term_id = blocks.term_id AND b.first_chunk_id = blocks.first_chunk_id AND blocks.entries <> '{}'
    ), dropped AS (
        DELETE FROM terms USING shares WHERE terms.id = shares.term_id AND terms.df <= shares.n
    )
    UPDATE terms SET df = terms.df - shares.n, entries = ARRAY(
        SELECT e.entry FROM unnest(terms.entries) AS e (entry)
        WHERE e.entry >> 24 NOT IN (SELECT unnest(shares.chunk_ids)) ORDER BY e.entry
    )
    FROM shares WHERE terms.id = shares.term_id AND terms.df > shares.n
$$;

CREATE OR REPLACE FUNCTION forget_chunks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_lexicon(bases.id) FROM (SELECT DISTINCT knowledge_base_id AS id FROM gone ORDER BY 1) AS bases;
    -- Of a knowledge base without chunks nothing is left to count down.
    WITH emptied AS (
        SELECT DISTINCT knowledge_base_id AS id FROM gone
        WHERE NOT EXISTS (SELECT FROM chunks WHERE chunks.knowledge_base_id = gone.knowledge_base_id)
    ), dropped AS (
        DELETE FROM chunk_terms USING gone, emptied
        WHERE chunk_terms.chunk_id = gone.id AND gone.knowledge_base_id = emptied.id
    )
    DELETE FROM terms USING emptied WHERE terms.knowledge_base_id = emptied.id;
    PERFORM forget_terms(array_agg(id)) FROM gone;
    UPDATE lexicon_statistics AS s
    SET chunks_count = s.chunks_count - share.chunks_count, terms_count = s.terms_count - share.terms_count
    FROM (
        SELECT knowledge_base_id, count(*) AS chunks_count, sum(terms_count) AS terms_count
        FROM gone GROUP BY knowledge_base_id
    ) AS share
    WHERE s.knowledge_base_id = share.knowledge_base_id;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION move_chunks(document_id uuid, category_id uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE chunk_vectors SET category_id = $2
    FROM chunks WHERE chunks.document_id = $1 AND chunk_vectors.chunk_id = chunks.id
        AND chunk_vectors.category_id IS DISTINCT FROM $2;
    UPDATE chunk_terms SET category_id = $2
    FROM chunks WHERE chunks.document_id = $1 AND chunk_terms.chunk_id = chunks.id
        AND chunk_terms.category_id IS DISTINCT FROM $2;
    UPDATE chunks SET category_id = $2
    WHERE chunks.document_id = $1 AND chunks.category_id IS DISTINCT FROM $2;
$$;
