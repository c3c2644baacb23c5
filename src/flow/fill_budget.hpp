#pragma once

#include <tiercel/memory_store.hpp>

namespace tiercel::flow {

// Memory of unfinished content, taken out of L1's budget while it grows.
class fill_budget {
public:
    explicit fill_budget(memory_store& l1) : l1_(l1) {}
    ~fill_budget() { give_back(); }
    fill_budget(const fill_budget&) = delete;
    fill_budget& operator=(const fill_budget&) = delete;

    // True when so much is reserved, now or already.
    bool covers(byte_count bytes)
    {
        if (bytes > held_ && l1_.try_reserve(bytes - held_)) {
            held_ = bytes;
        }
        return bytes <= held_;
    }
    void give_back() noexcept
    {
        l1_.unreserve(held_);
        held_ = 0;
    }

private:
    memory_store& l1_;
    byte_count held_ = 0;
};

}  // namespace tiercel::flow
