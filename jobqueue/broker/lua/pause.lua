--!include older events runnable
-- Closes a queue for all workers, or opens it again; what runs goes on. Answers 1 where that changed
-- anything.
local paused = ARGV[1]

if (paused == '1') == (on.paused and true or false) then return 0 end
local refusal = paused == '1' and part.older.refuse_beside()
if refusal then return refusal end
allow_oom()
if paused == '1' then
  raise_layout()
  turn_on('paused')
  empty_handoff()
else
  turn_off('paused')
  refill()
end
return 1
