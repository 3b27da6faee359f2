-- The commits of runs that go from machine to machine, as git bundles: each of one iteration, on top of those before.

create table run_bundles (
    run_id uuid not null references runs on delete cascade,
    n integer not null,
    bundle bytea not null,
    primary key (run_id, n)
);
-- They are compressed already.
alter table run_bundles alter column bundle set storage external;
