-- name: insert_job
-- New work, unless the same is open already.
INSERT INTO jobs (workspace_id, kind, subject_id, max_attempts)
VALUES (%(workspace_id)s::uuid, %(kind)s::text, %(subject_id)s::uuid, %(max_attempts)s::int)
ON CONFLICT (kind, subject_id) WHERE state IN ('queued', 'running') DO NOTHING
RETURNING id, seq, workspace_id, kind, subject_id, state, attempts, max_attempts, lease_token, progress_done,
          progress_total, result, error, created_at, finished_at

-- name: find_job
-- One job by id.
SELECT id, seq, workspace_id, kind, subject_id, state, attempts, max_attempts, lease_token, progress_done,
       progress_total, result, error, created_at, finished_at
FROM jobs WHERE id = %(job_id)s::uuid

-- name: list_latest_jobs
-- The last job of each subject.
SELECT DISTINCT ON (subject_id) id, seq, workspace_id, kind, subject_id, state, attempts, max_attempts, lease_token,
       progress_done, progress_total, result, error, created_at, finished_at
FROM jobs WHERE subject_id = ANY(%(subject_ids)s::uuid[]) ORDER BY subject_id, seq DESC

-- name: mark_sent
-- The broker has a message for these jobs.
UPDATE jobs SET sent_at = now() WHERE id = ANY(%(job_ids)s::uuid[])

-- name: claim_job
-- Takes a job whose turn has come and that nobody works on: queued, or running under a lease that ran out.
UPDATE jobs
SET state = 'running', attempts = attempts + 1, lease_token = gen_random_uuid(), heartbeat_at = now(),
    lease_until = now() + %(lease_s)s::int * interval '1 second', error = NULL
WHERE id = %(job_id)s::uuid AND run_after <= now() AND attempts < max_attempts
  AND (state = 'queued' OR (state = 'running' AND lease_until < now()))
RETURNING id, seq, workspace_id, kind, subject_id, state, attempts, max_attempts, lease_token, progress_done,
          progress_total, result, error, created_at, finished_at

-- name: beat
-- Keeps the lease; no row when another worker took the job.
UPDATE jobs SET heartbeat_at = now(), lease_until = now() + %(lease_s)s::int * interval '1 second'
WHERE id = %(job_id)s::uuid AND lease_token = %(lease_token)s::uuid AND state = 'running'

-- name: set_progress
-- How far the work is.
UPDATE jobs SET progress_done = %(done)s::int, progress_total = %(total)s::int
WHERE id = %(job_id)s::uuid AND lease_token = %(lease_token)s::uuid

-- name: finish_job
-- A good end.
UPDATE jobs SET state = 'done', result = %(result)s::jsonb, finished_at = now(), lease_token = NULL
WHERE id = %(job_id)s::uuid AND lease_token = %(lease_token)s::uuid AND state = 'running'

-- name: fail_job
-- A bad end: queued again after a pause while attempts are left and it may help, else failed.
UPDATE jobs
SET state = CASE WHEN %(retry)s::boolean AND attempts < max_attempts THEN 'queued' ELSE 'failed' END,
    run_after = now() + %(pause_s)s::int * interval '1 second', sent_at = NULL, error = %(error)s::text,
    finished_at = CASE WHEN %(retry)s::boolean AND attempts < max_attempts THEN NULL ELSE now() END,
    lease_token = NULL, lease_until = NULL
WHERE id = %(job_id)s::uuid AND lease_token = %(lease_token)s::uuid AND state = 'running'
RETURNING id, seq, workspace_id, kind, subject_id, state, attempts, max_attempts, lease_token, progress_done,
          progress_total, result, error, created_at, finished_at

-- name: release_job
-- Hands a job back as if it had not been started, for now or for a while.
UPDATE jobs
SET state = 'queued', attempts = attempts - 1, lease_token = NULL, lease_until = NULL, sent_at = NULL,
    run_after = now() + %(pause_s)s::int * interval '1 second'
WHERE id = %(job_id)s::uuid AND lease_token = %(lease_token)s::uuid AND state = 'running'

-- name: defer_job
-- The message of a waiting job reached a worker that goes down: the next sweep sends another.
UPDATE jobs SET sent_at = NULL WHERE id = %(job_id)s::uuid AND state = 'queued'

-- name: list_lost_jobs
-- Jobs of a kind that no worker will pick up by itself: their message was never sent or is long gone, or their
-- worker died. Who waits longest comes first.
SELECT id, seq, workspace_id, kind, subject_id, state, attempts, max_attempts, lease_token, progress_done,
       progress_total, result, error, created_at, finished_at
FROM jobs
WHERE kind = %(kind)s::text
  AND ((state = 'queued' AND run_after <= now()
        AND (sent_at IS NULL OR sent_at < now() - %(resend_after_s)s::int * interval '1 second'))
       OR (state = 'running' AND lease_until < now() AND attempts < max_attempts))
ORDER BY run_after, seq LIMIT %(limit)s::int

-- name: fail_worn_out_jobs
-- Jobs whose every attempt ended with a dead worker.
UPDATE jobs
SET state = 'failed', finished_at = now(), lease_token = NULL,
    error = 'The worker died ' || attempts || ' times while it worked on this.'
WHERE state = 'running' AND lease_until < now() AND attempts >= max_attempts
RETURNING id, seq, workspace_id, kind, subject_id, state, attempts, max_attempts, lease_token, progress_done,
          progress_total, result, error, created_at, finished_at

-- name: forget_done_jobs
-- Removes jobs of a kind that ended well some time ago.
DELETE FROM jobs
WHERE kind = %(kind)s::text AND state = 'done'
  AND finished_at < now() - %(older_than_s)s::int * interval '1 second'

-- name: count_jobs
-- Open jobs, and those that look stuck.
SELECT count(*) FILTER (WHERE state = 'queued') AS queued_count,
       count(*) FILTER (WHERE state = 'running') AS running_count,
       count(*) FILTER (WHERE (state = 'running' AND lease_until < now() - interval '2 minutes')
           OR (state = 'queued' AND run_after < now() - interval '10 minutes'
               AND sent_at < now() - interval '10 minutes')) AS stuck_count
FROM jobs WHERE state IN ('queued', 'running')

-- name: beat_worker
-- A worker process says that it lives.
INSERT INTO workers (id, beat_at) VALUES (%(worker_id)s::uuid, now())
ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at

-- name: forget_workers
-- Workers that went silent, or the one that leaves.
DELETE FROM workers WHERE id = %(worker_id)s::uuid OR beat_at < now() - interval '10 minutes'

-- name: count_workers
-- How many workers lived within the last seconds.
SELECT count(*) FROM workers WHERE beat_at > now() - %(within_s)s::int * interval '1 second'

-- name: try_lock
-- Whether this transaction alone may do the periodic work now.
SELECT pg_try_advisory_xact_lock(hashtext(%(name)s::text))
