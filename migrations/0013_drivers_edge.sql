-- What the drivers' API remembers: how often ids were tried, and the answers that may have been lost on their way. Neither table names anybody: who and
-- what are keyed hashes.

-- Budgets of attempts at ids, shared by all instances: of a person, of a caller's address, of the whole service. An attempt moves `full_at` one step
-- into the future; none is left when it is as many steps ahead as the budget has. Retention: rows leave when their budget is full again.
create table deptrans.id_attempts (
  scope   text        not null check (scope in ('person', 'address', 'service')),
  key     bytea       not null,
  full_at timestamptz not null,
  primary key (scope, key)
) with (fillfactor = 50);

-- Takes one attempt of each budget, or of none: then the one that is empty, and in how many ms it has an attempt again. Rows are locked in the order
-- of the arguments, which is the same for everybody, in a transaction of their own. A crash may lose the last few: no reason to wait for the disk.
create function deptrans.take_attempt(scopes text[], keys bytea[], sizes int[], steps interval[], out refused text, out wait_ms bigint)
language plpgsql as $f$
declare
  t constant timestamptz := deptrans.now();
  held timestamptz;
begin
  perform set_config('synchronous_commit', 'off', true);
  for i in 1 .. cardinality(scopes) loop
    insert into deptrans.id_attempts as a (scope, key, full_at) values (scopes[i], keys[i], t + steps[i])
    on conflict (scope, key) do update set full_at = greatest(a.full_at, t) + steps[i]
     where greatest(a.full_at, t) + steps[i] <= t + sizes[i] * steps[i];
    if not found then
      select a.full_at into held from deptrans.id_attempts a where a.scope = scopes[i] and a.key = keys[i];
      perform deptrans.give_attempt_back(scopes[1:i - 1], keys[1:i - 1], steps[1:i - 1]);
      refused := scopes[i];
      wait_ms := ceil(extract(epoch from held + steps[i] - sizes[i] * steps[i] - t) * 1000);
      return;
    end if;
  end loop;
end
$f$;

-- For attempts that told nothing.
create function deptrans.give_attempt_back(scopes text[], keys bytea[], steps interval[]) returns void language plpgsql as $f$
begin
  perform set_config('synchronous_commit', 'off', true);
  for i in 1 .. coalesce(cardinality(scopes), 0) loop
    update deptrans.id_attempts a set full_at = a.full_at - steps[i] where a.scope = scopes[i] and a.key = keys[i];
  end loop;
end
$f$;

-- The first answer to each idempotency key of a driver. Written with the binding if it made one. Retention: 2 d by default.
create table deptrans.driver_answers (
  -- Of driver and key.
  key_hash bytea       primary key,
  -- Of the id that was asked for: the same key with another id is a mistake.
  id_hash  bytea       not null,
  at       timestamptz not null,
  -- When the binding was made; null: the id was refused.
  bound_at timestamptz
);
create index driver_answers_age on deptrans.driver_answers (at);
