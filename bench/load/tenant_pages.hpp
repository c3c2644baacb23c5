#pragma once

// Pages that say whose they are: the origin answers with the tenant it was told, in a field and in the content. So every answer
// shows whether it was made for who asked.

#include "load/client.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace tiercel::load {

class tenant_pages {
public:
    // One page per tenant and key: `size` bytes, fresh for longer than any run.
    tenant_pages(std::vector<std::string> tenants, std::size_t keys, std::size_t size);

    std::size_t tenants() const noexcept { return tenants_.size(); }
    std::size_t keys() const noexcept { return keys_; }
    const std::string& get(std::size_t tenant, std::size_t key) const { return gets_[tenant * keys_ + key]; }
    // The same by a method that changes the page.
    const std::string& put(std::size_t tenant, std::size_t key) const { return puts_[tenant * keys_ + key]; }

    // Is this answer to get() the page of that tenant, and of no other? In its field, in its content, in its length.
    bool is_own(const answer_view& a, std::size_t tenant) const;

private:
    std::vector<std::string> tenants_;
    std::size_t keys_;
    std::size_t size_;
    std::vector<std::string> gets_;
    std::vector<std::string> puts_;
};

// Names that are easily taken for one another, the longest that is allowed, and then plain ones, `n` in total.
std::vector<std::string> hostile_tenant_names(std::size_t n);

}  // namespace tiercel::load
