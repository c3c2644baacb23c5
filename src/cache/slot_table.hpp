#pragma once

#include <tiercel/entry.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tiercel {

// Hash → entry by open addressing with linear probing: a lookup reads one cache line of slots as a rule, and the entry only
// when 64 bits of hash agree. Deletion shifts the rest of the run back instead of leaving tombstones, so that a table under
// steady churn keeps its probe lengths. Load at most 3/4. Does not own the entries and does not lock.
class slot_table {
public:
    // The entry of exactly that key, or null.
    const entry* find(std::string_view key, const hash128& hash) const noexcept
    {
        for (std::size_t i = home(hash.lo); slots_[i].stored != nullptr; i = next(i)) {
            const slot& s = slots_[i];
            if (s.hash == hash.lo && s.stored->hash().hi == hash.hi && s.stored->key() == key) { return s.stored; }
        }
        return nullptr;
    }
    // Makes room for one more, so that insert() cannot fail.
    void prepare_insert()
    {
        if ((size_ + 1) * 4 > slots_.size() * 3) { grow(); }
    }
    // REQUIRES: prepare_insert() before; no entry of that key inside.
    void insert(const entry& e) noexcept
    {
        std::size_t i = home(e.hash().lo);
        while (slots_[i].stored != nullptr) {
            i = next(i);
        }
        slots_[i] = {.hash = e.hash().lo, .stored = &e};
        ++size_;
    }
    // Removes this very entry. False when it is not inside.
    bool erase(const entry& e) noexcept
    {
        std::size_t hole = home(e.hash().lo);
        while (slots_[hole].stored != &e) {
            if (slots_[hole].stored == nullptr) { return false; }
            hole = next(hole);
        }
        // Whatever follows in the run may move into the hole unless its home lies behind it (cyclically).
        for (std::size_t i = next(hole); slots_[i].stored != nullptr; i = next(i)) {
            if (distance(home(slots_[i].hash), i) >= distance(hole, i)) {
                slots_[hole] = slots_[i];
                hole = i;
            }
        }
        slots_[hole] = {};
        --size_;
        return true;
    }

    std::size_t size() const noexcept { return size_; }
    template <class Visitor>
    void for_each(Visitor visit) const
    {
        for (const slot& s : slots_) {
            if (s.stored != nullptr) { visit(*s.stored); }
        }
    }

private:
    struct slot {
        std::uint64_t hash = 0;
        const entry* stored = nullptr;
    };
    static constexpr std::size_t first_size = 64;

    std::size_t home(std::uint64_t hash) const noexcept { return static_cast<std::size_t>(hash) & (slots_.size() - 1); }
    std::size_t next(std::size_t i) const noexcept { return (i + 1) & (slots_.size() - 1); }
    std::size_t distance(std::size_t from, std::size_t to) const noexcept { return (to - from) & (slots_.size() - 1); }

    void grow()
    {
        std::vector<slot> old(slots_.size() * 2);
        old.swap(slots_);
        for (const slot& s : old) {
            if (s.stored == nullptr) { continue; }
            std::size_t i = home(s.hash);
            while (slots_[i].stored != nullptr) {
                i = next(i);
            }
            slots_[i] = s;
        }
    }

    std::vector<slot> slots_ = std::vector<slot>(first_size);
    std::size_t size_ = 0;
};

}  // namespace tiercel
