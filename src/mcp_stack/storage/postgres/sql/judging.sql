-- name: rated
select checked as features, rating > 0 as good
from (
    select created_at, checked, rating
    from interactions
    where rating <> 0 and route = 'local' and checked_version = %(version)s
    order by created_at desc
    limit %(limit)s
) as newest
order by created_at

-- name: save
insert into answer_judge as kept (version, content)
values (1, %(content)s)
on conflict (one) do update
set version = kept.version + 1, content = excluded.content, fitted_at = now()

-- name: judge
select version, content from answer_judge where version <> %(version)s
