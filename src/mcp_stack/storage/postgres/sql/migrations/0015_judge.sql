-- What the checks saw in a local answer, to fit the judge from the rated ones.
alter table interactions
    add column checked real[] not null default '{}',
    add column checked_version integer not null default 0;

create table answer_judge (
    one boolean primary key default true check (one),
    version bigint not null,
    content bytea not null,
    fitted_at timestamptz not null default now()
);
