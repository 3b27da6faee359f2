-- When each repeated job was last due: a tick is claimed by moving this forward.
create table schedules (
    name text primary key,
    last_tick timestamptz not null
);
