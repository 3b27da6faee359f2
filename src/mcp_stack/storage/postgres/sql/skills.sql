-- Nothing comes back where the same content is there already.
-- name: put
insert into open_skills as known (
    slug, name, description, content, source, tags, license, allowed_tools, content_hash, words
)
values (
    %(slug)s, %(name)s, %(description)s, %(content)s, %(source)s, %(tags)s, %(license)s, %(allowed_tools)s,
    %(content_hash)s,
    -- Said in the name, a word counts three times; in the description, twice.
    to_tsvector('english', concat_ws(
        ' ', %(name)s::text, %(name)s::text, %(name)s::text, %(description)s::text, %(description)s::text,
        array_to_string(%(tags)s::text[], ' '), left(%(content)s::text, 50000)
    ))
)
on conflict (slug) do update
set name = excluded.name,
    description = excluded.description,
    content = excluded.content,
    source = excluded.source,
    tags = excluded.tags,
    license = excluded.license,
    allowed_tools = excluded.allowed_tools,
    content_hash = excluded.content_hash,
    words = excluded.words,
    status = 'pending',
    embedding = null,
    embedding_model = '',
    updated_at = now()
where known.content_hash <> excluded.content_hash
returning xmax = 0 as is_new

-- name: forget_files
delete from skill_files where slug = %(slug)s

-- name: add_file
insert into skill_files (slug, path, size, sha256, content)
values (%(slug)s, %(path)s, %(size)s, %(sha256)s, %(content)s)

-- name: entries
select slug, name, description, tags, status, source
from open_skills
where %(status)s = '' or status = %(status)s
order by slug

-- name: get
select
    slug, name, description, content, source, tags, license, allowed_tools, status, approved, document_id,
    encode(content_hash, 'hex') as fingerprint,
    (
        select coalesce(jsonb_agg(
            jsonb_build_object('path', path, 'size', size, 'sha256', encode(sha256, 'hex'), 'content', file.content)
            order by path
        ), '[]')
        from skill_files as file
        where file.slug = open_skills.slug
    ) as files
from open_skills
where slug = %(slug)s

-- name: decide
update open_skills
set status = %(status)s, approved = coalesce(%(approved)s, approved), updated_at = now()
where slug = %(slug)s and content_hash = %(content_hash)s
returning slug

-- name: link
update open_skills set document_id = %(document_id)s where slug = %(slug)s

-- BM25 as in documents.sql, computed where it is asked for: skills are few.
-- name: matches
with corpus as (
    select count(*)::float8 as skills, greatest(avg(length(words)), 1)::float8 as mean_length
    from open_skills
    where status = 'approved'
), query as (
    -- plainto_tsquery joins the words by AND, which nearly nothing satisfies.
    select replace(plainto_tsquery('english', %(query)s)::text, '&', '|')::tsquery as words
), postings as (
    select
        skill.slug,
        cardinality(word.positions) as frequency,
        length(skill.words) as length,
        count(*) over (partition by word.lexeme) as holders
    from open_skills as skill
    cross join query
    cross join unnest(skill.words) as word
    where skill.status = 'approved'
        and skill.words @@ query.words
        and word.lexeme = any(tsvector_to_array(to_tsvector('english', %(query)s)))
), scores as (
    select
        slug,
        sum(
            ln(1 + (skills - holders + 0.5) / (holders + 0.5)) * frequency * 2.2
            / (frequency + 1.2 * (0.25 + 0.75 * length / mean_length))
        ) as score
    from postings
    cross join corpus
    group by slug
)
select
    skill.slug, skill.name, skill.description, skill.tags,
    coalesce(scores.score, 0) as lexical,
    case when skill.embedding_model = %(model)s then 1 - (skill.embedding <=> %(vector)s::vector) end as similarity
from open_skills as skill
left join scores using (slug)
where skill.status = 'approved'
    and (scores.score is not null or (skill.embedding_model = %(model)s and %(vector)s::vector is not null))
order by skill.slug

-- name: without_vector
select slug, encode(content_hash, 'hex') as fingerprint, name || ': ' || description || E'\n' || left(content, 1000) as text
from open_skills
where status = 'approved' and embedding_model <> %(model)s
order by slug
limit %(limit)s

-- name: add_vector
update open_skills
set embedding = %(embedding)s, embedding_model = %(model)s
where slug = %(slug)s and content_hash = %(content_hash)s
