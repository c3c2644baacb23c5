#include "l2/wake_board.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace tiercel::l2 {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(fill_outcome::last_)> outcomes{
    "stored", "uncacheable", "alone", "unshared", "failed", "released"};

std::string_view take_word(std::string_view& rest) noexcept
{
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    return word;
}

fill_outcome outcome_named(std::string_view name) noexcept
{
    const auto at = std::find(outcomes.begin(), outcomes.end(), name);
    return at == outcomes.end() ? fill_outcome::released : static_cast<fill_outcome>(at - outcomes.begin());
}

// Only what an origin did is another instance's business.
errc origin_error_named(std::string_view name) noexcept
{
    for (int i = 1; i <= static_cast<int>(errc::internal); ++i) {
        const auto e = static_cast<errc>(i);
        if (name_of(e) == name && fault_of(e) == fault::origin) { return e; }
    }
    return errc{};
}

std::optional<std::uint64_t> hex_number(std::string_view digits) noexcept
{
    std::uint64_t n = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), n, 16);
    return ec == std::errc() && end == digits.data() + digits.size() ? std::optional(n) : std::nullopt;
}

std::optional<int> status_of(std::string_view digits) noexcept
{
    int n = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    const bool good = ec == std::errc() && end == digits.data() + digits.size() && (n == 0 || (n >= 500 && n <= 599));
    return good ? std::optional(n) : std::nullopt;
}

}  // namespace

std::string_view name_of(fill_outcome o) noexcept { return outcomes[static_cast<std::size_t>(o)]; }

std::string wake_message(const hash128& key, std::string_view token, const fill_news& news)
{
    std::string text = hex(key);
    text.append(" ").append(token).append(" ").append(name_of(news.what));
    if (news.what == fill_outcome::failed) {
        text.append(" ").append(name_of(news.why)).append(" ").append(std::to_string(news.status));
    }
    return text;
}

std::optional<wake> parse_wake(std::string_view message)
{
    const std::string_view hash = take_word(message);
    const auto high = hex_number(hash.substr(0, 16));
    const auto low = hash.size() == 32 ? hex_number(hash.substr(16)) : std::nullopt;
    if (!high || !low) { return std::nullopt; }
    wake w;
    w.key = hash128{*high, *low};
    w.token = take_word(message);
    w.news.what = outcome_named(take_word(message));
    if (w.news.what == fill_outcome::failed) {
        w.news.why = origin_error_named(take_word(message));
        const auto status = status_of(take_word(message));
        if (w.news.why == errc{} || !status) {
            w.news = fill_news();
        } else {
            w.news.status = *status;
        }
    }
    return w;
}

wake_board::seat::seat(std::shared_ptr<wake_board> board, const hash128& key, async::loop& l)
    : board_(std::move(board)), key_(key), place_(std::make_shared<place>(l))
{
    const std::lock_guard hold(board_->mutex_);
    board_->places_[key_].push_back(place_);
}

wake_board::seat::~seat()
{
    const std::lock_guard hold(board_->mutex_);
    const auto here = board_->places_.find(key_);
    std::erase(here->second, place_);
    if (here->second.empty()) { board_->places_.erase(here); }
}

async::task<std::optional<fill_news>> wake_board::seat::wait_until(async::steady::time_point t, std::string token)
{
    const std::shared_ptr<place> mine = place_;
    for (;;) {
        const bool told = co_await mine->ready.wait_until(t);
        mine->ready.reset();
        const std::optional<wake> heard = std::exchange(mine->news, std::nullopt);
        if (heard && heard->token == token) { co_return heard->news; }
        if (!told) { co_return std::nullopt; }
    }
}

// Posted under the lock: a place that is on the board belongs to a fill that is alive, hence so is its loop.
void wake_board::tell(const wake& w)
{
    const std::lock_guard hold(mutex_);
    const auto found = places_.find(w.key);
    if (found == places_.end()) { return; }
    for (const auto& p : found->second) {
        p->loop.post([p, w] {
            p->news = w;
            p->ready.set();
        });
    }
}

std::size_t wake_board::seats() const
{
    const std::lock_guard hold(mutex_);
    std::size_t n = 0;
    for (const auto& [key, all] : places_) { n += all.size(); }
    return n;
}

}  // namespace tiercel::l2
