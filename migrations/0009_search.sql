-- Substring search in titles, names and messages of any language, and counts that stay true however rows come and go.
-- depends: 0008_inbox

-- All tables that are touched, or none, as in 0008_inbox.
DO $$
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);
    LOOP
        BEGIN
            LOCK TABLE conversations, contacts, messages, exchanges, exchange_days IN SHARE ROW EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.1);
        END;
    END LOOP;
    PERFORM set_config('lock_timeout', '0', true);
END
$$;

-- Every place in the text begins a gram of up to three characters, shorter ones only at its end: a keyword of three or
-- more is in a text that has all its grams, a shorter one is the beginning of a gram. It works alike for scripts with
-- and without spaces. What an index finds by it is compared again, by lower() too; so the two agree in any locale.
-- More than 65,536 characters would not fit a tsvector. The cost keeps the planner from computing it row by row.
CREATE FUNCTION grams(said text) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
DECLARE
    folded text := left(lower(said), 65536);
BEGIN
    RETURN array_to_tsvector(ARRAY(
        SELECT (regexp_matches(substr(folded, start), '.{1,3}', 'g'))[1] FROM generate_series(1, 3) AS start));
END
$$;

-- What the grams of a text that contains the keyword match. A few dozen grams of a long one are enough.
CREATE FUNCTION grams_of_keyword(keyword text) RETURNS tsquery
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    folded text := left(lower(keyword), 64);
    parts text[] := ARRAY(SELECT substr(folded, start, 3) FROM generate_series(1, greatest(1, length(folded) - 2)) AS start);
    ending text := CASE WHEN length(folded) < 3 THEN ':*' ELSE '' END;
BEGIN
    RETURN (
        SELECT string_agg(DISTINCT '''' || replace(replace(part, '\', '\\'), '''', '''''') || '''' || ending, ' & ')
        FROM unnest(parts) AS part)::tsquery;
END
$$;

-- The workspace is part of the index, so that what others said costs nothing. What was written last waits in a list
-- that each search reads and that one writer in a hundred or so sorts in: it is kept short for both.
CREATE INDEX messages_by_grams ON messages USING gin ((ARRAY[workspace_id]), grams(content))
    WITH (gin_pending_list_limit = 512);
CREATE INDEX contacts_by_grams ON contacts USING gin ((ARRAY[workspace_id]), grams(name))
    WITH (gin_pending_list_limit = 512);

-- Titles apart from their rows: those change with every message, and their index entries with them.
CREATE TABLE conversation_titles (
    conversation_id uuid PRIMARY KEY REFERENCES conversations ON DELETE CASCADE,
    workspace_id uuid NOT NULL,
    title text NOT NULL
);
COMMENT ON TABLE conversation_titles IS 'copies of conversations.title, kept by a trigger, for search';
CREATE INDEX conversation_titles_by_grams ON conversation_titles USING gin ((ARRAY[workspace_id]), grams(title))
    WITH (gin_pending_list_limit = 512);
INSERT INTO conversation_titles (conversation_id, workspace_id, title)
SELECT id, workspace_id, title FROM conversations WHERE title <> '';

CREATE FUNCTION copy_title() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO conversation_titles (conversation_id, workspace_id, title) VALUES (NEW.id, NEW.workspace_id, NEW.title)
    ON CONFLICT (conversation_id) DO UPDATE SET title = EXCLUDED.title;
    RETURN NULL;
END
$$;
CREATE TRIGGER conversations_titled AFTER INSERT ON conversations
    FOR EACH ROW WHEN (NEW.title <> '') EXECUTE FUNCTION copy_title();
CREATE TRIGGER conversations_retitled AFTER UPDATE OF title ON conversations
    FOR EACH ROW WHEN (OLD.title IS DISTINCT FROM NEW.title) EXECUTE FUNCTION copy_title();

-- Statistics would be made from the grams of thousands of sampled rows each time, and mislead: grams of one word come
-- together, the planner takes them for independent.
ALTER INDEX messages_by_grams ALTER COLUMN 1 SET STATISTICS 0, ALTER COLUMN 2 SET STATISTICS 0;
ALTER INDEX contacts_by_grams ALTER COLUMN 1 SET STATISTICS 0, ALTER COLUMN 2 SET STATISTICS 0;
ALTER INDEX conversation_titles_by_grams ALTER COLUMN 1 SET STATISTICS 0, ALTER COLUMN 2 SET STATISTICS 0;

-- The days of exchanges: rows are taken in one order, so that no two statements wait for each other.
CREATE FUNCTION count_exchanges() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO exchange_days AS days (assistant_id, day, workspace_id, exchanges_count)
    SELECT assistant_id, (created_at AT TIME ZONE 'UTC')::date, workspace_id, count(*) FROM come
    GROUP BY 1, 2, 3 ORDER BY 1, 2
    ON CONFLICT (assistant_id, day) DO UPDATE SET exchanges_count = days.exchanges_count + EXCLUDED.exchanges_count;
    RETURN NULL;
END
$$;
CREATE TRIGGER exchanges_come AFTER INSERT ON exchanges REFERENCING NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION count_exchanges();
CREATE FUNCTION discount_exchanges() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH share AS (
        SELECT assistant_id, (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS n FROM gone GROUP BY 1, 2
    ), held AS MATERIALIZED (
        SELECT days.assistant_id, days.day, share.n FROM exchange_days AS days JOIN share USING (assistant_id, day)
        ORDER BY 1, 2 FOR NO KEY UPDATE OF days
    )
    UPDATE exchange_days AS days SET exchanges_count = days.exchanges_count - held.n
    FROM held WHERE days.assistant_id = held.assistant_id AND days.day = held.day;
    RETURN NULL;
END
$$;
CREATE TRIGGER exchanges_gone AFTER DELETE ON exchanges REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION discount_exchanges();
-- Counted anew: the previous version went on asking since the days were first filled.
DELETE FROM exchange_days;
INSERT INTO exchange_days (assistant_id, day, workspace_id, exchanges_count)
SELECT assistant_id, (created_at AT TIME ZONE 'UTC')::date, workspace_id, count(*) FROM exchanges GROUP BY 1, 2, 3;
ALTER TABLE exchange_days SET (fillfactor = 50);
ALTER TABLE chunk_hits SET (fillfactor = 70);
