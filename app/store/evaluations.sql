-- name: try_lock_alone
-- Whether no evaluation runs; until unlock_alone none can start.
SELECT pg_try_advisory_lock(hashtext('lectern evaluation'))

-- name: unlock_alone
-- Ends try_lock_alone.
SELECT pg_advisory_unlock(hashtext('lectern evaluation'))

-- name: lock_shared
-- An evaluation runs, until unlock_shared or the end of the session; waits for a cleaning-up under way.
SELECT pg_advisory_lock_shared(hashtext('lectern evaluation'))

-- name: unlock_shared
-- Ends lock_shared.
SELECT pg_advisory_unlock_shared(hashtext('lectern evaluation'))
