#include "load/tenant_pages.hpp"

namespace tiercel::load {

tenant_pages::tenant_pages(std::vector<std::string> tenants, std::size_t keys, std::size_t size)
    : tenants_(std::move(tenants)), keys_(keys), size_(size)
{
    for (const std::string& tenant : tenants_) {
        const std::string who = "X-Tenant-ID: " + tenant + "\r\n";
        for (std::size_t k = 0; k < keys_; ++k) {
            const std::string target = "/page/" + std::to_string(k) + "?ttl=3600&echo=X-Tenant-ID&size=" + std::to_string(size_);
            gets_.push_back(make_request(target, who));
            puts_.push_back(make_request(target, who, "PUT", "changed"));
        }
    }
}

bool tenant_pages::is_own(const answer_view& a, std::size_t tenant) const
{
    const std::string& name = tenants_[tenant];
    const bool in_body = a.body.size() == name.size() + 1 + size_ && a.body.starts_with(name) && a.body[name.size()] == '\n';
    return in_body && a.head.find("X-Echo: " + name + "\r\n") != std::string_view::npos;
}

std::vector<std::string> hostile_tenant_names(std::size_t n)
{
    std::vector<std::string> out{"acme", "ACME", "Acme", "acme.", "acme-", "acme_", "acm", "acme.default", "acme-l", "0", "00", "-", "_", "..",
                                 std::string(128, 'a'), std::string(127, 'a'), "acme_.", "a-c-m-e", "l1", "tcl"};
    for (std::size_t i = 0; out.size() < n; ++i) { out.push_back("tenant-" + std::to_string(i)); }
    out.resize(n);
    return out;
}

}  // namespace tiercel::load
