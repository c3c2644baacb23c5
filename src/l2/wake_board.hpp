#pragma once

// Fills of this process that wait for another instance's fill of the same key, and the message that ends their wait.
//
// All instances hear all messages, on one channel. A message names the key by its stable hash and the fill by the token of its
// lock, and says how that fill ended, so that nobody has to look first. It may get lost, come too early, twice, or so late that
// another fill has begun: whoever waits heeds the word of the fill that it waits for and of no other, looks by itself now and
// then, and takes a message as a hint only.

#include "async/event.hpp"
#include "async/loop.hpp"

#include <tiercel/cache_key.hpp>
#include <tiercel/error.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tiercel::l2 {

enum class fill_outcome : std::uint8_t {
    stored,        // the answer is in L2
    uncacheable,   // it may not be shared, and the next ones will not be either: everybody for itself, and mark the key
    alone,         // it may not be shared; the next one may
    unshared,      // good, but not in L2 (too large for it): each instance fetches its own
    failed,        // the origin gave none, or an error
    released,      // the holder gave up for reasons of its own: the next one, please
    last_
};
std::string_view name_of(fill_outcome o) noexcept;

struct fill_news {
    fill_outcome what = fill_outcome::released;
    errc why{};                      // failed
    int status = 0;                  // failed, by an answer: its status
};

// What is published: hash, token, outcome and, if it failed, the error's name and the status. REQUIRES: no blank in the token.
std::string wake_message(const hash128& key, std::string_view token, const fill_news& news);
struct wake {
    hash128 key;
    std::string token;
    fill_news news;
};
// Nothing for what is not ours. An outcome or error that this release does not know means: look for yourself.
std::optional<wake> parse_wake(std::string_view message);

// Thread: any.
class wake_board {
public:
    // One waiting fill's place, for as long as it lives. Thread: its loop's only.
    class seat {
    public:
        seat(std::shared_ptr<wake_board> board, const hash128& key, async::loop& l);
        ~seat();
        seat(const seat&) = delete;
        seat& operator=(const seat&) = delete;

        // The latest news of the fill with that token since the last call, nothing if none came until then.
        async::task<std::optional<fill_news>> wait_until(async::steady::time_point t, std::string token);

    private:
        friend class wake_board;
        struct place {
            explicit place(async::loop& l) : loop(l), ready(l.context(), l.wheel()) {}
            async::loop& loop;
            async::event ready;
            std::optional<wake> news;
        };
        std::shared_ptr<wake_board> board_;
        hash128 key_;
        std::shared_ptr<place> place_;
    };

    void tell(const wake& w);
    std::size_t seats() const;

private:
    struct hasher {
        std::size_t operator()(const hash128& h) const noexcept { return h.lo; }
    };
    mutable std::mutex mutex_;
    std::unordered_map<hash128, std::vector<std::shared_ptr<seat::place>>, hasher> places_;
};

}  // namespace tiercel::l2
