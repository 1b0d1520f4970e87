-- name: insert_exchange
-- A question whose answer is under way.
INSERT INTO exchanges (workspace_id, assistant_id, conversation_id, question_message_id)
VALUES (%(workspace_id)s::uuid, %(assistant_id)s::uuid, %(conversation_id)s::uuid, %(question_message_id)s::uuid)
RETURNING id, seq, workspace_id, assistant_id, conversation_id, question_message_id, answer_message_id,
          standalone_question, model, state, relevance, timings_ms, usage, error, created_at, finished_at

-- name: finish_exchange
-- The end of an answer, good or bad; also of one that had to wait so long that it was taken for forgotten.
UPDATE exchanges
SET answer_message_id = %(answer_message_id)s::uuid, standalone_question = %(standalone_question)s::text,
    model = %(model)s::text, state = %(state)s::text, relevance = %(relevance)s::real,
    timings_ms = %(timings_ms)s::jsonb, usage = %(usage)s::jsonb, error = %(error)s::text, finished_at = now()
WHERE id = %(exchange_id)s::uuid AND state IN ('running', 'failed') AND answer_message_id IS NULL

-- name: fail_forgotten_exchanges
-- Answers that a killed server left open, but for those that are owed.
UPDATE exchanges SET state = 'failed', error = 'The server stopped before the answer was finished.',
    finished_at = now()
WHERE state = 'running' AND created_at < now() - %(older_than_s)s::int * interval '1 second'
  AND NOT EXISTS (SELECT FROM owed_answers WHERE exchange_id = exchanges.id)

-- name: list_exchanges
-- The exchanges of a thread, oldest first.
SELECT id, seq, workspace_id, assistant_id, conversation_id, question_message_id, answer_message_id,
       standalone_question, model, state, relevance, timings_ms, usage, error, created_at, finished_at
FROM exchanges WHERE conversation_id = %(conversation_id)s::uuid ORDER BY seq

-- name: list_opening_ids
-- Those of some exchanges that no other came before in their threads.
SELECT e.id FROM exchanges AS e
WHERE e.id = ANY(%(exchange_ids)s::uuid[])
  AND e.seq = (SELECT min(other.seq) FROM exchanges AS other WHERE other.conversation_id = e.conversation_id)

-- name: insert_citation
-- A verified mark of an answer.
INSERT INTO citations (message_id, number, workspace_id, document_id, chunk_id, title, url, page, start_chars,
                       end_chars, excerpt, score)
VALUES (%(message_id)s::uuid, %(number)s::int, %(workspace_id)s::uuid, %(document_id)s::uuid, %(chunk_id)s::bigint,
        %(title)s::text, %(url)s::text, %(page)s::int, %(start)s::int, %(end)s::int, %(excerpt)s::text,
        %(score)s::double precision)

-- name: list_citations
-- The marks of some answers, by number.
SELECT message_id, number, document_id, chunk_id, title, url, page, start_chars AS start, end_chars AS "end", excerpt, score
FROM citations WHERE message_id = ANY(%(message_ids)s::uuid[]) ORDER BY message_id, number

-- name: list_hit_chunks
-- The chunks that were retrieved for some exchanges, best first.
SELECT exchange_id, chunk_id FROM hits WHERE exchange_id = ANY(%(exchange_ids)s::uuid[]) ORDER BY exchange_id, rank

-- name: insert_hits
-- What was retrieved for a question, best first, and its place in each list.
INSERT INTO hits (exchange_id, rank, workspace_id, document_id, chunk_id, score, dense_rank, lexical_rank)
SELECT %(exchange_id)s::uuid, hit.rank, %(workspace_id)s::uuid, hit.document_id, hit.chunk_id, hit.score,
       hit.dense_rank, hit.lexical_rank
FROM unnest(%(document_ids)s::uuid[], %(chunk_ids)s::bigint[], %(scores)s::double precision[], %(dense_ranks)s::int[],
            %(lexical_ranks)s::int[])
    WITH ORDINALITY AS hit (document_id, chunk_id, score, dense_rank, lexical_rank, rank)

-- name: count_hits
-- One more retrieval of each chunk, in the order of their ids, so that no two answers wait for each other; a chunk
-- that is being deleted is left out.
WITH held AS MATERIALIZED (
    SELECT id FROM chunks WHERE id = ANY(%(chunk_ids)s::bigint[]) ORDER BY id FOR KEY SHARE SKIP LOCKED
)
INSERT INTO chunk_hits AS kept (chunk_id, hits_count)
SELECT held.id, count(*) FROM held JOIN unnest(%(chunk_ids)s::bigint[]) AS hit (id) USING (id)
GROUP BY held.id ORDER BY held.id
ON CONFLICT (chunk_id) DO UPDATE SET hits_count = kept.hits_count + EXCLUDED.hits_count
