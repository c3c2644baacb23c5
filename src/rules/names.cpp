#include <tiercel/check.hpp>
#include <tiercel/rules.hpp>

#include <array>

namespace tiercel {
namespace {

template <class Enum, std::size_t N>
std::string_view look_up(const std::array<std::string_view, N>& names, Enum e) noexcept
{
    static_assert(N == static_cast<std::size_t>(Enum::last_));
    const auto at = static_cast<std::size_t>(e);
    TIERCEL_CHECK(at < N);
    return names[at];
}

// In the order of the enums.
constexpr std::array<std::string_view, static_cast<std::size_t>(outcome::last_)> outcomes{
    "hit_l1", "hit_l2", "stale", "revalidated", "miss", "pass", "error"};

constexpr std::array<std::string_view, static_cast<std::size_t>(forward_reason::last_)> reasons{
    "", "miss", "uri-miss", "vary-miss", "stale", "request", "method", "bypass", "partial"};

constexpr std::array<std::string_view, static_cast<std::size_t>(detail::last_)> details{
    "", "l1", "l2", "xfetch", "swr", "sie", "max-stale", "negative", "not-modified",
    "method", "request-authorization", "request-no-store", "no-store", "private", "set-cookie", "vary-star", "vary-cookie",
    "no-lifetime", "status", "partial", "too-large", "type", "must-understand", "bad-directives", "tenant", "attest", "fence",
    "truncated", "surplus", "range", "upgrade", "request-body", "variants", "tags",
    "pass", "mark", "bypass", "coalesce-off", "lag", "blind",
    "breaker", "shed", "timeout", "unreachable", "invalid", "deadline"};

constexpr std::array<std::string_view, static_cast<std::size_t>(lifetime_source::last_)> sources{
    "none", "explicit", "negative", "default", "heuristic"};

}  // namespace

std::string_view name_of(outcome o) noexcept { return look_up(outcomes, o); }
std::string_view name_of(forward_reason r) noexcept { return look_up(reasons, r); }
std::string_view name_of(detail d) noexcept { return look_up(details, d); }
std::string_view name_of(lifetime_source s) noexcept { return look_up(sources, s); }

}  // namespace tiercel
