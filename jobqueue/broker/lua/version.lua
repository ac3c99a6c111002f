-- The layout of a queue's keys: a script that includes this ends here, and has changed nothing, where
-- it does not know that layout. What ends runs that have begun does not include it (settle, renew,
-- report, beat, leave), so that a worker under which the layout changes can finish what it has.
--
-- All that layout 1 has is valid in this one, or is still understood: its batches (see intake), and
-- the cancels that its programs note (see outcomes). So a queue of layout 1 stays one, and its programs
-- go on beside this one, until something is written that they would not understand.

if on.version and on.version ~= LAYOUT and on.version ~= '1' then
  return redis.error_reply('SCHEMA queue ' .. queue .. ' has layout ' .. on.version
    .. ', this program writes ' .. LAYOUT .. ': run the same version everywhere')
end

-- From now on only programs of this layout may take the queue up.
local function raise_layout()
  if on.version == LAYOUT then return end
  redis.call('HSET', meta, 'version', LAYOUT)
  on.version = LAYOUT
end
