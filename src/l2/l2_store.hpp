#pragma once

// The tier that instances share, as the flow sees it: entries in, entries out. It is never needed: whatever goes wrong in it
// is a miss or a lost write, and a count.

#include "async/loop.hpp"
#include "async/task.hpp"
#include "l2/options.hpp"

#include <tiercel/clock.hpp>
#include <tiercel/entry.hpp>
#include <tiercel/scope.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::l2 {

// The kinds of commands, by the names that metrics use.
enum class op : std::uint8_t {
    get, set, del,
    lock,         // try to get the lock of a fill
    renew,        // keep it
    commit,       // write what was fetched, and give it back
    release,      // give it back
    lookup,       // what was invalidated of some scopes
    last_
};
std::string_view name_of(op o) noexcept;

// Why a command was of no use; the label of l2_errors_total.
enum class reason : std::uint8_t {
    down,         // no connection, or the common clock is not known yet
    timeout,      // no answer within cache.l2.timeout
    reply,        // an error, or an answer of another type
    breaker,      // not asked: it failed too often just before
    overload,     // not asked: too much is outstanding
    checksum,     // a damaged value, or none of ours under our name; it is deleted
    version,      // a value of a release that this one does not understand; it is kept
    key,          // a value of another key whose hash is the same; it is kept
    too_large,    // not sent: above cache.l2.max_value
    table,        // what was invalidated is not known there: gone, older than what was read here, or malformed
    last_
};
std::string_view name_of(reason r) noexcept;
reason reason_of(errc e) noexcept;

enum class state : std::uint8_t {
    off,          // kind: none
    connecting,
    up,
    open,         // the breaker refuses calls; probes go on
    last_
};
std::string_view name_of(state s) noexcept;

// Where the counts go. Called on the loop of the store, from within its calls and its handlers.
class observer {
public:
    virtual void on_call(op o, std::chrono::steady_clock::duration took) = 0;   // an answer came, whatever it was
    virtual void on_failure(op o, reason why) = 0;
    virtual void on_state(state s, std::string_view why) = 0;                   // once per change: log it, set the gauge
    virtual void on_lease_lost() = 0;                                           // a fetch outlived its lock: not written
    virtual void on_wake_channel(bool heard, std::string_view why) = 0;         // may repeat itself

protected:
    ~observer() = default;
};

// What is looked for, and this process's hash of it.
struct wanted {
    std::string key;
    hash128 seeded;
};

// What a look brought. Failed: not known, and the timeout may have passed over it.
struct found_entry {
    entry_ptr stored;
    bool failed = false;
};
struct found_entries {
    std::vector<entry_ptr> stored;   // in the order of the keys; of those that are missing, null
    bool failed = false;             // one of them at least
};

// What came of the question what was invalidated of some scopes.
enum class lookup : std::uint8_t {
    known,
    unreliable,    // the table is gone, or older than what was read here before, or malformed
    unreachable,
};

class fill_lease;
class wake_board;

// What came of an attempt at the lock of a fill. It goes together with a look at what L2 has: the fill that held the lock
// until a moment ago may have ended since the last look.
struct lock_attempt {
    enum class state : std::uint8_t {
        acquired,
        busy,          // another fill of the key is under way
        unavailable,   // the tier is away, or has no locks: everybody as if alone
    };
    state is = state::unavailable;
    std::unique_ptr<fill_lease> lease;   // acquired
    milliseconds remaining{0};           // busy: what is left of the other's lease, unless it is renewed
    std::string holder;                  // busy: the other's token, which its news carry
    entry_ptr found;                     // as of get()

    lock_attempt();
    lock_attempt(lock_attempt&&) noexcept;
    lock_attempt& operator=(lock_attempt&&) noexcept;
    ~lock_attempt();
};

// One per loop. Thread: the loop's only.
class store {
public:
    virtual ~store() = default;

    // A pair. After stop() nothing of the store runs, and its observer is not called any more.
    virtual void start() = 0;
    virtual async::task<> stop() = 0;

    // The entry of that key, whole and verified; null on a miss of any kind. Its stamp is its writer's. `seeded` is this process's
    // hash of the key. Takes at most the timeout; nothing at all while the breaker is open.
    // REQUIRES: the views and `seeded` stay valid until the task ends: they belong to the frame that awaits it.
    virtual async::task<found_entry> get(std::string_view tenant, std::string_view key, const hash128& seeded) = 0;

    // The same of several keys, asked for at once: together they take at most the timeout.
    virtual async::task<found_entries> get_all(std::string_view tenant, std::span<const wanted> keys) = 0;

    // For a process that does not follow the log of invalidations: asks what it says of these scopes, and brings what is known of them up
    // to that.
    virtual async::task<lookup> look_up(std::span<const scope_hash> scopes) = 0;

    // Not awaited; dropped and counted when the tier is away or lags, or the entry too large. It is encoded before this returns.
    virtual void put(std::string_view tenant, const entry_ptr& e) = 0;
    virtual void remove(std::string_view tenant, std::string_view key) = 0;

    // Locks of fills, by the key of what is fetched. None: in a process of its own, flights are all that is needed.
    virtual bool has_locks() const = 0;
    // REQUIRES: as for get(). Never waits for the lock itself. Who has waited for a get() that failed should not try it: one wait
    // in vain is enough.
    virtual async::task<lock_attempt> try_lock(std::string_view tenant, std::string_view key, const hash128& seeded, milliseconds lease) = 0;
    // As put() for all of these, and the end of the lease; if that was lost, nothing. Tells those who wait that they are there,
    // or that they are not when one could not be written.
    virtual void commit(fill_lease& lease, std::string_view tenant, std::span<const entry_ptr> entries) = 0;
    // Where to wait for the word of another fill. REQUIRES: has_locks().
    virtual std::shared_ptr<wake_board> wakes() const = 0;
    // No answer with more content will be stored.
    virtual byte_count largest_content() const = 0;

    virtual state current() const = 0;
    // For calls from now on.
    virtual void set_timeout(milliseconds t) = 0;
};

class memory_shelf;

// What the stores of all loops share; null unless o.kind is memory. Stores share its ownership.
std::shared_ptr<memory_shelf> make_shared_memory(const l2_options& o);
std::shared_ptr<wake_board> make_wake_board();

struct store_context {
    async::loop& loop;                       // these three outlive the store
    const clock& time;
    observer& counts;
    std::shared_ptr<memory_shelf> memory;    // of make_shared_memory()
    validity* valid = nullptr;               // what was invalidated while it was being written is removed again; look-ups are noted there
    std::shared_ptr<wake_board> wakes{};     // of all loops; null: one of its own
    bool hears_wakes = true;                 // exactly one of the stores that share a board listens for it
};

// Throws std::invalid_argument when o.url cannot be used, with the reason.
std::unique_ptr<store> make_store(const l2_options& o, store_context context);

}  // namespace tiercel::l2
