#pragma once

// What was accepted while Redis could not be told: in memory, and in a file if there is one, so that it outlives the process. One
// JSON object per line, on the disk before add() returns; also for what is merged, so that its end can be told after a restart.
// Sent again after a crash it does no harm: invalidating is idempotent. Not thread-safe; blocks on the disk.

#include "coherence/invalidation.hpp"
#include "coherence/options.hpp"

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tiercel::coherence {

class journal {
public:
    // Reads what a former process has left. Throws std::runtime_error when the file cannot be used. A last line that was cut off by a
    // crash was never confirmed to anybody, and is dropped.
    journal(journal_options o, std::size_t most);
    ~journal();
    journal(const journal&) = delete;
    journal& operator=(const journal&) = delete;

    struct added {
        enum class as { kept, known, full };     // known: one of equal effect waits already
        as what = as::full;
        std::string into;                        // known: the id of that one
    };
    added add(const invalidation& i);
    // The same of many by one write, all of them or those that fit; nobody is told what became of which. How many were refused.
    std::size_t add_all(std::span<const invalidation> all);

    // What was found in the file, in its order: also that which was merged.
    struct found_line {
        invalidation what;
        std::string into;                        // empty: it waits itself
    };
    std::vector<found_line> take_found() { return std::move(found_); }

    bool outlives_the_process() const noexcept { return file_ >= 0; }
    bool empty() const noexcept { return waiting_.empty(); }
    std::size_t size() const noexcept { return waiting_.size(); }
    const invalidation& front() const { return waiting_.front(); }
    // The oldest, about to be appended, perhaps once more. What is of its effect and comes later is kept behind it, once.
    const invalidation& begin_front();
    // The first was sent. When none is left the file is emptied.
    void pop();

private:
    static std::string effect_of(const invalidation& i);
    bool write(const std::string& lines, byte_count most);

    journal_options options_;
    std::size_t most_;
    std::deque<invalidation> waiting_;
    std::unordered_map<std::string, std::string> effects_;   // -> id of the one that waits
    std::vector<found_line> found_;
    int file_ = -1;
    byte_count size_ = 0;
};

}  // namespace tiercel::coherence
