-- name: threads
-- The conversations to come, with who talks in each.
CREATE TEMP TABLE threads AS
SELECT n, gen_random_uuid() AS id, gen_random_uuid() AS contact_id FROM generate_series(0, %(threads)s::int - 1) AS n

-- name: threads_index
-- Finds them by number.
CREATE UNIQUE INDEX ON threads (n)

-- name: pairs
-- The questions to come, each with its answer: the conversations of a generation are spoken in one after the other.
CREATE TEMP TABLE pairs AS
SELECT p, gen_random_uuid() AS id, gen_random_uuid() AS question_id, gen_random_uuid() AS answer_id,
       threads.id AS thread_id, threads.contact_id, threads.n AS thread, p / %(at_once)s::int %% %(rounds)s::int AS round,
       now() - interval '1 minute' - (%(pairs)s::int - p) * (interval '364 days' / %(pairs)s::int) AS asked_at
FROM generate_series(0, %(pairs)s::int - 1) AS p JOIN threads ON threads.n = p / (%(at_once)s::int * %(rounds)s::int) * %(at_once)s::int + p %% %(at_once)s::int

-- name: pairs_index
-- Finds them by number.
CREATE INDEX ON pairs (p)

-- name: analyze
-- What the planner must know of them.
ANALYZE threads, pairs, said

-- name: contacts
-- Who talks.
INSERT INTO contacts (id, workspace_id, channel_id, name, external_id)
SELECT contact_id, %(workspace)s::uuid, %(channel)s::uuid, 'Contact ' || n, 'source-' || n FROM threads ORDER BY n

-- name: conversations
-- Each begins with its first question and was last spoken in with its last.
INSERT INTO conversations (id, workspace_id, assistant_id, channel_id, contact_id, title, messages_count,
                           last_message_at, active_at, unread_count, created_at)
SELECT t.id, %(workspace)s::uuid, %(assistant)s::uuid, %(channel)s::uuid, t.contact_id,
       (SELECT left(content, 80) FROM said WHERE said.n = 2 * first.p), 2 * of_it.rounds, latest.asked_at,
       latest.asked_at, CASE WHEN t.n %% 10 = 0 THEN 3 ELSE 0 END, first.asked_at
FROM threads AS t
JOIN (SELECT thread, min(p) AS first, max(p) AS last, count(*) AS rounds FROM pairs GROUP BY thread) AS of_it
  ON of_it.thread = t.n
JOIN pairs AS first ON first.p = of_it.first
JOIN pairs AS latest ON latest.p = of_it.last
ORDER BY t.n

-- name: titles
-- What their trigger would have copied.
INSERT INTO conversation_titles (conversation_id, workspace_id, title)
SELECT id, workspace_id, title FROM conversations WHERE workspace_id = %(workspace)s::uuid

-- name: messages
-- Questions and answers in the order in which they were said.
INSERT INTO messages (id, workspace_id, conversation_id, role, number, content, sender_id, created_at)
SELECT CASE side WHEN 0 THEN question_id ELSE answer_id END, %(workspace)s::uuid, thread_id,
       CASE side WHEN 0 THEN 'user' ELSE 'assistant' END, 2 * round + side + 1, content,
       CASE side WHEN 0 THEN contact_id END, asked_at + side * interval '3 seconds'
FROM pairs, generate_series(0, 1) AS side, said WHERE said.n = 2 * p + side ORDER BY p, side

-- name: exchanges
-- Every question with its answer.
INSERT INTO exchanges (id, workspace_id, assistant_id, conversation_id, question_message_id, answer_message_id,
                       standalone_question, model, state, relevance, timings_ms, usage, created_at, finished_at)
SELECT pairs.id, %(workspace)s::uuid, %(assistant)s::uuid, thread_id, question_id, answer_id, content, 'extractive',
       CASE WHEN p %% 8 = 0 THEN 'not_found' ELSE 'answered' END, 0.8,
       '{"embed": 12, "retrieve": 31, "generate": 40, "total": 83}',
       '{"input_chars": 320, "output_chars": 210, "input_tokens": 80, "output_tokens": 52}',
       asked_at, asked_at + interval '3 seconds'
FROM pairs JOIN said ON said.n = 2 * p ORDER BY p

-- name: citations
-- Three of ten answers cite.
INSERT INTO citations (message_id, number, workspace_id, document_id, chunk_id, title, start_chars, end_chars,
                       excerpt, score)
SELECT answer_id, number, %(workspace)s::uuid, %(document)s::uuid, p %% 200 + number, 'Handbook', 0, 60, left(content, 60), 0.7
FROM pairs JOIN said ON said.n = 2 * p + 1, generate_series(1, 2) AS number WHERE p %% 10 < 3

-- name: hits
-- And what was retrieved for them.
INSERT INTO hits (exchange_id, rank, workspace_id, document_id, chunk_id, score, dense_rank, lexical_rank)
SELECT id, rank, %(workspace)s::uuid, %(document)s::uuid, p %% 200 + rank, 1.0 / rank, rank, rank
FROM pairs, generate_series(1, 4) AS rank WHERE p %% 10 < 3

-- name: scores
-- And how they were scored.
INSERT INTO scores (exchange_id, metric, workspace_id, value, judge)
SELECT id, metric, %(workspace)s::uuid, 0.75, 'words'
FROM pairs, unnest(ARRAY['faithfulness', 'answer_relevancy']) AS metric WHERE p %% 10 < 3

-- name: feedback
-- One of twenty has been liked or not.
INSERT INTO feedback (message_id, workspace_id, kind)
SELECT answer_id, %(workspace)s::uuid, CASE WHEN p %% 3 = 0 THEN 'dislike' ELSE 'like' END FROM pairs WHERE p %% 20 = 0

-- name: days
-- What their trigger would have counted.
INSERT INTO exchange_days (assistant_id, day, workspace_id, exchanges_count)
SELECT %(assistant)s::uuid, (asked_at AT TIME ZONE 'UTC')::date, %(workspace)s::uuid, count(*) FROM pairs GROUP BY 2

-- name: drop
-- Nothing of it is needed any more.
DROP TABLE threads, pairs, said
