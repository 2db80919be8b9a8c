// The part of two_modes.cpp that is compiled without exceptions.
#include <tango_token.hpp>

#ifdef __cpp_exceptions
#error "to be compiled with -fno-exceptions"
#endif

tango_token *acquire_without_exceptions(const tango_client *client);
tango_status status_without_exceptions(const tango_client *client);

tango_token *acquire_without_exceptions(const tango_client *client)
{
    const tango::client own(tango_client_clone(client));
    auto token = own.try_acquire();
    return token ? token->release() : nullptr;
}

tango_status status_without_exceptions(const tango_client *client)
{
    const auto token = tango::client(tango_client_clone(client)).try_acquire();
    return token ? TANGO_STATUS_OK : token.error().status();
}
