#include "load/answer.hpp"

#include <algorithm>
#include <utility>

namespace tiercel::load {
namespace {

struct named_source {
    source value;
    std::string_view name;
};
constexpr std::array<named_source, source_count> names{{
    {source::l1, "hit l1"},
    {source::l2, "hit l2"},
    {source::stale, "stale"},
    {source::store, "other hit"},
    {source::shared, "shared fetch"},
    {source::origin, "origin"},
    {source::proxy, "proxy error"},
    {source::unknown, "unknown"},
    {source::nobody, "no answer"},
}};

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// The last line, as the parser left it. What caches further upstream say comes before ours.
std::string_view last_cache_status(const response_head& head)
{
    for (auto at = head.fields.rbegin(); at != head.fields.rend(); ++at) {
        if (at->id == header::cache_status) { return at->value; }
    }
    return {};
}

}  // namespace

std::string_view name_of(source s) noexcept
{
    return names[static_cast<std::size_t>(s)].name;
}

std::array<source, source_count> all_sources() noexcept
{
    std::array<source, source_count> out{};
    std::transform(names.begin(), names.end(), out.begin(), [](const named_source& n) { return n.value; });
    return out;
}

source source_of(std::string_view cache_status, int status) noexcept
{
    if (cache_status.empty()) { return source::unknown; }
    if (has(cache_status, "detail=sie") || has(cache_status, "detail=swr")) { return source::stale; }
    if (has(cache_status, "; hit")) {
        if (has(cache_status, "; ttl=-")) { return source::stale; }
        if (has(cache_status, "detail=l1")) { return source::l1; }
        return has(cache_status, "detail=l2") ? source::l2 : source::store;
    }
    if (status >= 400 && !has(cache_status, "fwd-status=")) { return source::proxy; }
    return has(cache_status, "; collapsed") ? source::shared : source::origin;
}

void answer_reader::begin(method asked, bool keep)
{
    in_body_ = false;
    asked_ = asked;
    keep_ = keep;
    status_ = 0;
    by_ = source::unknown;
    body_size_ = 0;
    pending_.clear();
    kept_head_.clear();
    kept_body_.clear();
}

answer_reader::state answer_reader::feed(std::string_view bytes)
{
    return in_body_ ? feed_body(bytes) : feed_head(bytes);
}

answer_reader::state answer_reader::feed_head(std::string_view bytes)
{
    if (!pending_.empty()) {   // rarely: the head came in pieces
        pending_.append(bytes);
        const std::string together = std::exchange(pending_, {});
        return feed_head(std::string_view(together));
    }
    for (;;) {
        const auto length = parser_.parse(bytes);
        if (!length) { return state::broken; }
        if (*length == 0) {
            pending_ = bytes;
            return state::more;
        }
        const bool interim = parser_.head().status < 200;
        if (!interim && !take_head(bytes.substr(0, *length))) { return state::broken; }
        bytes.remove_prefix(*length);
        if (!interim) {
            in_body_ = true;
            return feed_body(bytes);
        }
    }
}

bool answer_reader::take_head(std::string_view bytes)
{
    const response_head& head = parser_.head();
    const auto how = response_framing(head, asked_);
    if (!how) { return false; }
    framing_ = *how;
    chunks_ = {};
    status_ = head.status;
    by_ = source_of(last_cache_status(head), head.status);
    if (keep_) { kept_head_ = bytes; }
    return true;
}

void answer_reader::take_content(std::string_view bytes)
{
    body_size_ += bytes.size();
    if (keep_) { kept_body_.append(bytes); }
}

answer_reader::state answer_reader::feed_body(std::string_view bytes)
{
    switch (framing_.kind) {
    case framing_kind::none: return bytes.empty() ? state::done : state::broken;
    case framing_kind::chunked: return feed_chunks(bytes);
    case framing_kind::until_close: take_content(bytes); return state::more;
    case framing_kind::length: break;
    }
    if (bytes.size() > framing_.length - body_size_) { return state::broken; }
    take_content(bytes);
    return body_size_ == framing_.length ? state::done : state::more;
}

answer_reader::state answer_reader::feed_chunks(std::string_view bytes)
{
    for (;;) {
        const chunk_step step = chunks_.feed(bytes);
        bytes.remove_prefix(step.consumed);
        switch (step.state) {
        case chunk_state::content: take_content(step.content); break;
        case chunk_state::need_more: return state::more;
        case chunk_state::malformed: return state::broken;
        case chunk_state::done: return bytes.empty() ? state::done : state::broken;
        }
    }
}

answer_reader::state answer_reader::on_end()
{
    return in_body_ && framing_.kind == framing_kind::until_close ? state::done : state::broken;
}

}  // namespace tiercel::load
