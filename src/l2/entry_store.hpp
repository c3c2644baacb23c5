#pragma once

// Entries over a tier of bytes: names, lifetimes, encoding, and the verification of what comes back.

#include "l2/l2_store.hpp"
#include "l2/lock_keeper.hpp"
#include "l2/tier.hpp"

namespace tiercel::l2 {

class entry_store final : public store {
public:
    entry_store(const l2_options& o, const store_context& context, std::unique_ptr<tier> t);

    void start() override { tier_->start(); }
    async::task<> stop() override { return tier_->stop(); }
    async::task<found_entry> get(std::string_view tenant, std::string_view key, const hash128& seeded) override;
    async::task<found_entries> get_all(std::string_view tenant, std::span<const wanted> keys) override;
    async::task<lookup> look_up(std::span<const scope_hash> scopes) override;
    void put(std::string_view tenant, const entry_ptr& e) override;
    void remove(std::string_view tenant, std::string_view key) override;
    bool has_locks() const override { return tier_->locks() != nullptr; }
    async::task<lock_attempt> try_lock(std::string_view tenant, std::string_view key, const hash128& seeded, milliseconds lease) override;
    void commit(fill_lease& lease, std::string_view tenant, std::span<const entry_ptr> entries) override;
    std::shared_ptr<wake_board> wakes() const override { return wakes_; }
    byte_count largest_content() const override { return max_value_; }
    state current() const override { return tier_->current(); }
    void set_timeout(milliseconds t) override { tier_->set_timeout(t); }

private:
    bool is_blind() const noexcept { return valid_ != nullptr && valid_->contact() == contact::blind; }
    std::optional<errc> read_refusal() const;
    async::task<lookup> look_up_all(std::span<const entry_ptr> entries);
    std::string encoded(const entry& e, op o);
    bool is_of_the_future(const entry& e, milliseconds shared_minus_local) const;
    entry_ptr verified(std::string_view bytes, std::string_view tenant, std::string_view key, const hash128& seeded);
    void recheck(const std::string& name, const entry& e);
    void erase(std::string name, op o);
    tier::write_handler counting(op o);
    void fail(op o, errc e);

    std::string prefix_;
    byte_count max_value_;
    milliseconds max_life_;
    const clock& time_;
    observer& counts_;
    async::timer_wheel& wheel_;
    std::unique_ptr<tier> tier_;
    validity* valid_;
    std::shared_ptr<wake_board> wakes_;
};

}  // namespace tiercel::l2
