#pragma once

// One fetch of one key in this process, and everybody who waits for it.
//
// The flight belongs to its key: a coroutine of its own (flow/fill) feeds it, and the client that caused it is a waiter
// like any other. Its state only moves forward:
//
//     fetching -> streaming -> complete | broken
//     fetching -> complete | failed | alone
//
// Waiters are woken by state, never by polling: each change posts one task per event loop that has waiters, and each waiter
// has its own deadline. A body that is still arriving is read from shared chunks by per-reader cursors, so a slow reader
// paces nobody, unless there is too much to keep (begin_relay).

#include "async/event.hpp"
#include "async/loop.hpp"

#include <tiercel/entry.hpp>
#include <tiercel/rules.hpp>
#include <tiercel/scope.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace tiercel::flow {

enum class flight_state : std::uint8_t {
    fetching,    // nothing known yet
    streaming,   // head known and storable; content is arriving
    complete,    // the answer is an entry
    broken,      // content ended too early: readers must break their connections, never end them cleanly
    failed,      // no answer; everybody who joined gets the same failure
    alone,       // an answer that may not be shared: everybody fetches for itself, at once
};

// The head of an answer whose content is still arriving.
struct live_answer {
    std::string head;                   // status line and fields without framing, as in entry::head()
    int status = 200;
    std::optional<byte_count> length;   // unknown: the origin sends chunks
    body_ptr content;
    seconds ttl{0};
    std::vector<scope_hash> scopes{};   // by which it may be invalidated while it arrives
};

// Why there is no answer, or none that anybody wants. Made by these two alone: who is told of the origin's own failure must not
// find an error of ours beside it.
struct flight_failure {
    static flight_failure no_answer(errc code, seconds retry_after = seconds(0)) noexcept { return {code, 0, retry_after}; }
    static flight_failure error_answer(int status) noexcept { return {errc::origin_error, status, seconds(0)}; }

    errc code;
    int status;                         // the origin's own 5xx, else 0
    seconds retry_after;

private:
    flight_failure(errc c, int s, seconds r) noexcept : code(c), status(s), retry_after(r) {}
};

// What the fill did to get the answer; the same for all waiters.
struct flight_report {
    outcome what = outcome::miss;
    detail why = detail::none;
    bool stored = false;
    bool was_stale = false;             // L2 had an answer, too old to be used without asking
    bool was_behind = false;            // of these, one that is too old for what is known of invalidations alone (lag_budget)
    bool varies = false;                // L2 had other variants only
    bool elsewhere = false;             // another instance has asked, and this is what it got
    int origin_status = 0;
    unsigned attempts = 0;
    std::chrono::microseconds origin_time{0};
    std::string selection;              // selecting fields with the values they had: whom the answer fits
    std::string own_fields;             // complete lines that are not stored, for the client that caused the fetch alone
    std::string age;                    // Age as the origin sent it (RFC 9111 §5.1: a miss passes it on)
};

class flight_reader;

// Thread: the publishing calls come from the fill's loop; everything else from any thread.
class flight {
public:
    struct view {
        flight_state state = flight_state::fetching;
        std::shared_ptr<const live_answer> live;   // from streaming on
        entry_ptr entry;                           // complete
        flight_failure failure = flight_failure::no_answer(errc::internal);   // failed
        flight_report report;
        bool relayed = false;                      // streaming, and only as fast as the slowest reader takes it
    };

    // `stamp`: the validity sequence under which the fetch begins. `before`: the one of that key which it takes the place of.
    flight(std::string key, sequence stamp, std::shared_ptr<const flight> before = nullptr)
        : key_(std::move(key)), stamp_(stamp), before_(std::move(before)) {}

    const std::string& key() const noexcept { return key_; }
    sequence stamp() const noexcept { return stamp_; }
    std::size_t readers() const noexcept { return readers_.load(std::memory_order_relaxed); }

    // ---- the fill ----
    void publish_head(live_answer head, flight_report report);
    void publish_progress();                       // content grew
    void complete(entry_ptr e, flight_report report);
    void break_off(errc code, detail why);
    void fail(flight_failure f, flight_report report);
    void leave_alone(flight_report report);
    void give_up(errc why);                        // failed or broken, whatever fits; for the unforeseen

    // From here on the content is not kept: readers report how far they are, and the fill waits for the slowest.
    // REQUIRES: streaming; nobody joins any more.
    void begin_relay();
    // Waits until the slowest reader has taken all but `window` bytes of `written`: its position. Nothing when there is no reader
    // left, or when the slowest did not get on at all for `patience`.
    async::task<std::optional<byte_count>> pace(async::loop& l, byte_count written, byte_count window,
                                                std::chrono::milliseconds patience);

    // Another fetch of the key is under way, which began before something was invalidated.
    bool is_second() const;

    // ---- waiters ----
    view look() const;
    // Somebody has found this flight and will read it from the start, or decide not to: nothing is freed meanwhile.
    void arrive();
    void settle();

private:
    friend class flight_reader;
    struct waiter {
        async::loop& loop;
        async::event ready;
        bool asleep = false;                       // in sleepers_; guarded by the flight's mutex
        explicit waiter(async::loop& l) : loop(l), ready(l.context(), l.wheel()) {}
    };

    template <class Change>
    void change(Change&& c);
    void wake(std::vector<std::shared_ptr<waiter>> sleepers);

    const std::string key_;
    const sequence stamp_;
    const std::weak_ptr<const flight> before_;
    std::atomic<std::size_t> readers_{0};
    mutable std::mutex mutex_;
    view view_;
    std::uint64_t version_ = 0;                    // counts changes, progress included
    std::vector<std::shared_ptr<waiter>> sleepers_;
    std::vector<const flight_reader*> present_;    // readers, for the slowest of them
    std::size_t arriving_ = 0;                     // who is about to be one: as slow as can be
    std::shared_ptr<waiter> pacer_;                // the fill, when it waits for readers

    std::optional<byte_count> slowest() const;     // REQUIRES: mutex_ held
    void wake_pacer();                             // likewise
};

// One waiter's place at a flight. Thread: its loop's only.
class flight_reader {
public:
    flight_reader(std::shared_ptr<flight> f, async::loop& l);
    ~flight_reader();
    flight_reader(const flight_reader&) = delete;
    flight_reader& operator=(const flight_reader&) = delete;

    // Waits until something changed since the last call (the first call reports the present state at once). False: the
    // deadline passed first.
    async::task<bool> next(async::steady::time_point limit);
    flight::view look() const { return flight_->look(); }
    // This reader needs nothing before `position` any more.
    void advance(byte_count position);

private:
    friend class flight;
    std::shared_ptr<flight> flight_;
    std::shared_ptr<flight::waiter> waiter_;
    std::optional<std::uint64_t> seen_;
    byte_count position_ = 0;                      // guarded by the flight's mutex
};

// The flights of this process by key. Thread: any.
class flight_table {
public:
    // What was joined. A flight that was created here, but whose fill could not be started (no memory), ends with the place, so that
    // nobody waits for what will never come. Outlived by the table.
    class place {
    public:
        place(flight_table& table, std::shared_ptr<flight> f, const hash128& hash, bool is_new)
            : joined(std::move(f)), created(is_new), table_(table), hash_(hash), unowned_(is_new), arriving_(!is_new) {}
        ~place();
        place(const place&) = delete;
        place& operator=(const place&) = delete;

        // From now on the fill sees to the end of the flight.
        void hand_on() noexcept { unowned_ = false; }
        // It has a reader now, or goes without. Until then what the flight has is kept, even if it is too much.
        void settle();

        const std::shared_ptr<flight> joined;
        const bool created;                        // the caller must start the fill

    private:
        flight_table& table_;
        const hash128 hash_;
        bool unowned_;
        bool arriving_;
    };

    // Joins the flight of that key or creates it. One that began before `url` was invalidated gives its place in the table to a new one,
    // so that nobody waits for an answer of which he may have nothing; but only once, so that a key that is invalidated all the time is not
    // fetched all the time: who joins such a flight finds it outdated.
    place join(std::string_view key, const hash128& hash, const validity& valid, scope_hash url);
    // The flight is over for newcomers. REQUIRES: whatever it stored is in L1 already, so that nobody can miss both.
    void remove(const flight& f, const hash128& hash);
    std::size_t size() const;

private:
    static constexpr std::size_t stripes = 64;
    struct hasher {
        std::size_t operator()(const hash128& h) const noexcept { return h.lo; }
    };
    struct stripe {
        mutable std::mutex mutex;
        std::unordered_map<hash128, std::shared_ptr<flight>, hasher> flights;
    };
    std::array<stripe, stripes> stripes_;
};

}  // namespace tiercel::flow
