-- What was spent is summed up before each call that a bound holds for: of the few interactions that cost something.
create index idx_interactions_paid on interactions (created_at) include (cost_usd) where cost_usd > 0;
