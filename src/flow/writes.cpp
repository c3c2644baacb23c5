#include "flow/writes.hpp"

#include "flow/fill.hpp"
#include "flow/keying.hpp"
#include "flow/scopes.hpp"
#include "http/ascii.hpp"
#include "http/cookies.hpp"
#include "http/tags.hpp"
#include "http/uri_reference.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tiercel::flow {
namespace {

// A client waits no longer for Redis than it would for an answer from there.
constexpr std::chrono::milliseconds longest_wait_for_log{50};

// What a reference of the answer names, if that is of the origin that the request went to. Views into `space`.
std::optional<canonical_target> target_of(const request& rq, std::string_view reference, std::string& uri, std::string& space)
{
    const auto resolved =
        resolve_reference({rq.scheme, rq.target.host, rq.target.path, rq.target.query, rq.target.has_query}, reference);
    if (!resolved) {
        return std::nullopt;
    }
    uri = *resolved;
    request_head get;
    get.verb = method::get;
    get.target = uri;
    get.minor_version = 0;   // names its authority itself
    const auto target = canonicalise_target(get, space);
    if (!target || target->scheme != rq.scheme || target->host != rq.target.host) {
        return std::nullopt;
    }
    return *target;
}

// A reference and the request that it implies.
struct referred {
    std::string uri;
    std::string space;
    std::unique_ptr<implied_get> get;

    referred(const request& rq, std::string_view reference, const process_context& p)
    {
        if (const auto target = target_of(rq, reference, uri, space)) {
            get = std::make_unique<implied_get>(rq, *target, p);
        }
    }
    bool is_served() const noexcept { return get != nullptr && get->is_served(); }
};

// Frees what can serve nobody any more. Nothing depends on it: whatever is stored bears an older stamp.
void remove(const request& rq, worker_context& cx)
{
    cx.process.l1.remove(rq.key, rq.hash, cause::invalidated);
    if (cx.l2 != nullptr) {
        cx.l2->remove(rq.tenant, rq.key);
    }
}

bool is_keyed(const request& rq, std::string_view name)
{
    const auto& keyed = rq.route->key.headers;
    return std::any_of(keyed.begin(), keyed.end(), [&](const std::string& k) { return equal_ignoring_case(k, name); });
}

// The values by which the answer that is stored for the request was selected, or would be selected for it.
std::string selected_by(const request& rq, const process_context& p)
{
    std::string all;
    const entry_ptr stored = p.l1.find(rq.key, rq.hash, rq.now);
    if (stored != nullptr && stored->is(entry_flag::vary_descriptor)) {
        for (const vary_list names : vary_lists_of(*stored)) {
            append_selection(all, rq, names, p);
        }
    }
    return all;
}

bool selects(const request& rq, std::string_view name, const process_context& p)
{
    const entry_ptr stored = p.l1.find(rq.key, rq.hash, rq.now);
    if (stored == nullptr || !stored->is(entry_flag::vary_descriptor)) {
        return false;
    }
    for (const vary_list names : vary_lists_of(*stored)) {
        for (const std::string_view selecting : names) {
            if (equal_ignoring_case(selecting, name)) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace

implied_get::implied_get(const request& original, const canonical_target& target, const process_context& p) : view_(original)
{
    view_.head.verb = method::get;
    view_.head.verb_text = "GET";
    view_.content = framing();
    view_.target = target;
    view_.has_query = target.has_query;
    view_.route = p.routes.match(target.host, target.path, view_.head.verb_text);
    if (view_.route == nullptr) {
        return;
    }
    view_.query = apply(view_.route->key.query, target.query, view_.has_query, query_);
    make_key(view_, key_, p);
}

bool implied_get::keep_selecting_fields(const process_context& p)
{
    const std::string selected = selected_by(view_, p);
    const auto is_kept = [&](const field& f) {
        switch (f.id) {
        case header::accept_encoding:
        case header::accept_language:
        case header::user_agent:
        case header::x_forwarded_for:
        case header::x_forwarded_proto:
        case header::traceparent: return true;
        case header::other: return equal_ignoring_case(f.name, "accept") || is_keyed(view_, f.name) || selects(view_, f.name, p);
        default: return false;
        }
    };
    std::copy_if(view_.head.fields.begin(), view_.head.fields.end(), std::back_inserter(fields_), is_kept);
    keep_keyed_cookies();
    view_.head.fields = fields_;
    view_.head.present = 0;
    for (const field& f : fields_) {
        view_.head.present |= std::uint64_t{1} << static_cast<unsigned>(f.id);
    }
    // Keyed or selected by a credential, or by all cookies of the writer, it is the writer's own answer.
    request without = view_;
    std::string key;
    make_key(without, key, p);
    return key == key_ && selected_by(view_, p) == selected;
}

void implied_get::keep_keyed_cookies()
{
    for (const std::string& name : view_.route->key.cookies) {
        const named_cookie found = find_cookie(view_.head, name);   // without pairs, when the whole field counts
        cookies_.append(cookies_.empty() || found.pairs.empty() ? "" : "; ").append(found.pairs);
    }
    if (!cookies_.empty()) {
        fields_.push_back({.name = "Cookie", .value = cookies_, .id = header::cookie});
    }
}

void invalidate_everywhere(coherence::invalidation what, process_context& p, std::function<void(coherence::receipt)> done)
{
    if (p.log != nullptr) {
        while (what.scopes.size() > coherence::most_scopes) {   // an origin may name any number of groups
            coherence::invalidation part = what;
            const auto rest = what.scopes.end() - static_cast<std::ptrdiff_t>(coherence::most_scopes);
            part.scopes.assign(rest, what.scopes.end());
            what.scopes.erase(rest, what.scopes.end());
            p.log->submit(std::move(part), {});
        }
        p.log->submit(std::move(what), std::move(done));
        return;
    }
    // Numbered by time, so that it can be told when it was.
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(p.time.now().time_since_epoch()).count();
    const auto wall = std::chrono::duration_cast<std::chrono::microseconds>(p.time.wall().time_since_epoch()).count();
    if (p.writes != nullptr && what.action == coherence::source_of::write) {
        p.writes->note(what.scopes, what.mode, static_cast<sequence>(wall), p.time.now());
    }
    const sequence at = p.valid.raise(what.scopes, what.mode, static_cast<sequence>(us));
    if (p.audit != nullptr) {
        if (what.id.empty()) {
            what.id = "local-" + std::to_string(at);
        }
        coherence::audit_row row;
        row.what = what;
        row.state = coherence::append_state::applied;
        row.at = at;
        row.when = p.time.wall();
        row.coalesced = what.coalesced;
        p.audit->add(std::move(row));
    }
    if (done) {
        done(coherence::receipt{coherence::append_state::applied, at, std::move(what.id)});
    }
}

async::task<std::optional<coherence::receipt>> invalidate_and_wait(coherence::invalidation what, worker_context& cx,
                                                                   std::chrono::milliseconds limit)
{
    // Shared with the handler, which may come later than we wait; it lives and dies on our loop.
    struct waiting {
        async::event known;
        std::optional<coherence::receipt> what;
        explicit waiting(async::loop& l) : known(l.context(), l.wheel()) {}
    };
    const auto mine = std::make_shared<waiting>(cx.loop);
    const auto theirs = std::make_shared<std::shared_ptr<waiting>>(mine);
    invalidate_everywhere(std::move(what), cx.process, [theirs, &loop = cx.loop](const coherence::receipt& r) {
        if (*theirs != nullptr) {
            loop.post([w = std::exchange(*theirs, nullptr), r] {
                w->what = r;
                w->known.set();
            });
        }
    });
    co_await mine->known.wait_until(async::steady::now() + limit);
    co_return mine->what;
}

async::task<> invalidate(const request& rq, const response_head& rs, worker_context& cx)
{
    process_context& p = cx.process;
    if (rq.tenant.empty()) {
        co_return;
    }
    implied_get target(rq, rq.target, p);
    std::list<referred> others;
    for (const header h : {header::location, header::content_location}) {
        if (rs.has(h)) {
            others.emplace_back(rq, rs.first(h), p);
        }
    }
    std::vector<const request*> urls;
    if (target.is_served()) {
        urls.push_back(&target.view());
    }
    for (const referred& r : others) {
        if (r.is_served()) {
            urls.push_back(&r.get->view());
        }
    }
    std::vector<scope_hash> scopes;
    std::vector<std::string> names;
    for (const request* r : urls) {
        scopes.push_back(url_scope(*r));
        names.push_back("url:" + key_text(r->resource));
    }
    for (const request* r : urls) {
        written_scopes beside = written_beside(*r);
        for (std::size_t i = 0; i < beside.scopes.size(); ++i) {
            if (std::find(scopes.begin(), scopes.end(), beside.scopes[i]) != scopes.end()) { continue; }
            scopes.push_back(beside.scopes[i]);
            names.push_back(std::move(beside.names[i]));
        }
    }
    for (const std::string& group : parse_groups(rs, "Cache-Group-Invalidation")) {
        scopes.push_back(group_scope(rq, group));
    }
    if (scopes.empty()) {
        co_return;
    }
    const bool refetch = rq.route->on_write == routing::write_rule::refresh && target.is_served() &&
                         p.l1.find(target.view().key, target.view().hash, rq.now) != nullptr &&
                         target.keep_selecting_fields(p);   // while it is known what selects
    coherence::invalidation what;
    what.action = coherence::source_of::write;
    what.actor = rq.from->address;
    what.tenant = rq.tenant;
    what.scopes = std::move(scopes);
    what.names = std::move(names);
    for (const request* r : urls) {
        remove(*r, cx);
    }
    // The number that the log gives it is awaited, for a moment: what is fetched before that is known here will not be kept.
    co_await invalidate_and_wait(std::move(what), cx, longest_wait_for_log);
    if (refetch) {
        fetch_in_background(target.view(), cx);
    }
}

std::unique_ptr<implied_get> get_answered_by(const request& rq, const response_head& rs, const process_context& p)
{
    if (rq.head.verb != method::post || rs.status < 200 || rs.status > 299 || rq.tenant.empty() ||
        rs.count(header::content_location) != 1) {
        return nullptr;
    }
    auto target = std::make_unique<implied_get>(rq, rq.target, p);
    const referred named(rq, rs.first(header::content_location), p);
    const bool same = target->is_served() && named.is_served() && named.get->view().key == target->view().key &&
                      target->view().route->mode == routing::route_mode::cache;
    return same ? std::move(target) : nullptr;
}

}  // namespace tiercel::flow
