-- What the value of an interaction is made of, and what people said of it.
alter table interactions
    add column quality double precision not null default 0,
    add column rating smallint not null default 0 check (rating between -1 and 1),
    add column correction text not null default '',
    add column reused integer not null default 0,
    -- A cached answer's: the interaction that it was given in first.
    add column answered_by uuid;
create index idx_interactions_rated on interactions (created_at) where rating <> 0;
