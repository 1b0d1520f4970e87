-- name: insert_contact
-- Someone new.
INSERT INTO contacts (workspace_id, channel_id, name, external_id, avatar_url, email, phone_number)
VALUES (%(workspace_id)s::uuid, %(channel_id)s::uuid, %(name)s::text, %(external_id)s::text, %(avatar_url)s::text,
        %(email)s::text, %(phone_number)s::text)
ON CONFLICT (workspace_id, channel_id, external_id) DO NOTHING
RETURNING id, seq, workspace_id, channel_id, name, external_id, avatar_url, email, phone_number, created_at

-- name: find_contact
-- One contact of a workspace.
SELECT id, seq, workspace_id, channel_id, name, external_id, avatar_url, email, phone_number, created_at
FROM contacts WHERE id = %(contact_id)s::uuid AND workspace_id = %(workspace_id)s::uuid

-- name: list_contacts
-- The contacts of a workspace, newest first.
SELECT id, seq, workspace_id, channel_id, name, external_id, avatar_url, email, phone_number, created_at
FROM contacts WHERE workspace_id = %(workspace_id)s::uuid
ORDER BY seq DESC OFFSET %(offset)s::int LIMIT %(limit)s::int

-- name: count_contacts
-- How many contacts a workspace has.
SELECT count(*) FROM contacts WHERE workspace_id = %(workspace_id)s::uuid
