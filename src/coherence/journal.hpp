#pragma once

// What was accepted while Redis could not be told: in memory, and in a file if there is one, so that it outlives the process. One
// JSON object per line, on the disk before add() returns. Sent again after a crash it does no harm: invalidating is idempotent.
// Not thread-safe; blocks on the disk.

#include "coherence/invalidation.hpp"
#include "coherence/options.hpp"

#include <deque>
#include <string>
#include <unordered_set>

namespace tiercel::coherence {

class journal {
public:
    // Reads what a former process has left. Throws std::runtime_error when the file cannot be used. A last line that was cut off by a
    // crash was never confirmed to anybody, and is dropped.
    journal(journal_options o, std::size_t most);
    ~journal();
    journal(const journal&) = delete;
    journal& operator=(const journal&) = delete;

    enum class added { kept, known, full };   // known: one of equal effect waits already
    added add(const invalidation& i);

    bool empty() const noexcept { return waiting_.empty(); }
    std::size_t size() const noexcept { return waiting_.size(); }
    const invalidation& front() const { return waiting_.front(); }
    // The oldest, about to be appended. Its like is not known any more: it is kept beside it.
    const invalidation& begin_front();
    // The first was sent. When none is left the file is emptied.
    void pop();

private:
    static std::string effect_of(const invalidation& i);
    bool write(const std::string& line);

    journal_options options_;
    std::size_t most_;
    std::deque<invalidation> waiting_;
    std::unordered_set<std::string> effects_;
    int file_ = -1;
    byte_count size_ = 0;
};

}  // namespace tiercel::coherence
