-- Version 21: notices of open calls that failed or whose outcome is unknown. The board shows their calls first, and must not walk
-- through all that are open to find them.
CREATE INDEX attempts_in_doubt ON attempts (call_id)
    WHERE state IN ('unknown', 'failed') AND kind = 'notice' AND call_open = 1;
