-- The index: chunks of documents, their vectors by embedding model, and the lexicon with its postings.
-- depends: 0001_house

CREATE TABLE chunks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    category_id uuid,
    ordinal integer NOT NULL,
    start_chars integer NOT NULL,
    end_chars integer NOT NULL,
    page integer,
    heading_path text[] NOT NULL DEFAULT '{}',
    text text NOT NULL,
    text_hash bytea NOT NULL,
    terms_count integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN chunks.text_hash IS 'of title, headings and text: what its vectors and postings were made from';
COMMENT ON COLUMN chunks.terms_count IS 'its length for BM25: terms of title, headings and text';
CREATE INDEX chunks_by_document ON chunks (document_id, ordinal);
CREATE INDEX chunks_by_category ON chunks (knowledge_base_id, category_id);

CREATE TABLE embedding_models (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    dimensions integer NOT NULL CHECK (dimensions BETWEEN 1 AND 4000),
    serving boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX embedding_models_serving ON embedding_models (serving) WHERE serving;

-- Each model has a partial HNSW index of its own, made when the model is registered.
CREATE TABLE chunk_vectors (
    chunk_id bigint NOT NULL REFERENCES chunks ON DELETE CASCADE,
    model_id integer NOT NULL REFERENCES embedding_models ON DELETE CASCADE,
    workspace_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    category_id uuid,
    embedding halfvec NOT NULL,
    PRIMARY KEY (chunk_id, model_id)
);
-- Out of line, every exact scan would fetch each vector of more than 1,000 dimensions by itself.
ALTER TABLE chunk_vectors ALTER COLUMN embedding SET STORAGE MAIN;
CREATE INDEX chunk_vectors_by_scope ON chunk_vectors (model_id, knowledge_base_id, category_id);

CREATE TABLE terms (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL REFERENCES knowledge_bases ON DELETE CASCADE,
    term text COLLATE "C" NOT NULL,
    df integer NOT NULL CHECK (df > 0),
    UNIQUE (knowledge_base_id, term)
) WITH (fillfactor = 70);
COMMENT ON COLUMN terms.df IS 'how many chunks of the knowledge base hold the term';

-- No foreign keys: one check a posting would be most of the cost of adding a document. The triggers below keep it true.
CREATE TABLE postings (
    term_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    workspace_id uuid NOT NULL,
    category_id uuid,
    tf smallint NOT NULL,
    terms_count smallint NOT NULL,
    PRIMARY KEY (term_id, chunk_id) INCLUDE (tf, terms_count, category_id)
);
CREATE INDEX postings_by_chunk ON postings (chunk_id);

CREATE TABLE lexicon_statistics (
    knowledge_base_id uuid PRIMARY KEY REFERENCES knowledge_bases ON DELETE CASCADE,
    workspace_id uuid NOT NULL,
    chunks_count bigint NOT NULL,
    terms_count bigint NOT NULL
) WITH (fillfactor = 50);

-- Writers of one knowledge base take turns: document frequencies are shared rows, and taking them in any order deadlocks.
CREATE FUNCTION lock_lexicon(knowledge_base_id uuid) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('lexicon ' || $1::text, 0))
$$;

-- However a chunk goes (its document's sync, a cascade from above), its postings and its share of the statistics go too.
CREATE FUNCTION forget_chunks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_lexicon(bases.id) FROM (SELECT DISTINCT knowledge_base_id AS id FROM gone ORDER BY 1) AS bases;
    WITH lost AS (
        DELETE FROM postings USING gone WHERE postings.chunk_id = gone.id RETURNING postings.term_id
    ), shares AS (
        SELECT term_id, count(*) AS n FROM lost GROUP BY term_id
    ), dropped AS (
        DELETE FROM terms USING shares WHERE terms.id = shares.term_id AND terms.df <= shares.n
    )
    UPDATE terms SET df = terms.df - shares.n FROM shares WHERE terms.id = shares.term_id AND terms.df > shares.n;
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
CREATE TRIGGER chunks_gone AFTER DELETE ON chunks REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION forget_chunks();

-- The copies of a document's category follow it, also when the category is deleted.
CREATE FUNCTION move_chunks(document_id uuid, category_id uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE chunk_vectors SET category_id = $2
    FROM chunks WHERE chunks.document_id = $1 AND chunk_vectors.chunk_id = chunks.id
        AND chunk_vectors.category_id IS DISTINCT FROM $2;
    UPDATE postings SET category_id = $2
    FROM chunks WHERE chunks.document_id = $1 AND postings.chunk_id = chunks.id
        AND postings.category_id IS DISTINCT FROM $2;
    UPDATE chunks SET category_id = $2
    WHERE chunks.document_id = $1 AND chunks.category_id IS DISTINCT FROM $2;
$$;
CREATE FUNCTION follow_category() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM move_chunks(NEW.id, NEW.category_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER documents_category AFTER UPDATE OF category_id ON documents
    FOR EACH ROW WHEN (OLD.category_id IS DISTINCT FROM NEW.category_id) EXECUTE FUNCTION follow_category();
