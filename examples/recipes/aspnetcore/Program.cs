// An ASP.NET Core service with two named clients of the Tango API, which share one token: "catalog" repeats requests
// that fail, "orders" does not. The TANGO_* environment variables configure it; README.md has the commands.

using Rewards;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Services.AddTangoToken();
builder.Services.AddTangoApi(builder.Configuration);
builder.Services.AddExceptionHandler<ApiFailures>();
builder.Services.AddProblemDetails();

WebApplication application = builder.Build();
application.UseExceptionHandler();
application.MapGet("/catalogs", async (IHttpClientFactory clients, CancellationToken cancel) =>
{
    using HttpClient http = clients.CreateClient(TangoApi.Catalog);
    return Results.Content(await http.GetStringAsync("catalogs", cancel), "application/json");
});
application.MapPost("/orders", async (HttpRequest request, IHttpClientFactory clients, CancellationToken cancel) =>
{
    using HttpClient http = clients.CreateClient(TangoApi.Orders);
    // As bytes, so that the token handler can send the order again after a 401, before which nothing was ordered.
    using var copy = new MemoryStream();
    await request.Body.CopyToAsync(copy, cancel);
    using var order = new ByteArrayContent(copy.ToArray());
    order.Headers.ContentType = new("application/json");
    using HttpResponseMessage response = await http.PostAsync("orders", order, cancel);
    response.EnsureSuccessStatusCode();
    return Results.Content(await response.Content.ReadAsStringAsync(cancel), "application/json");
});
// A probe runs every few seconds in each instance: it neither asks for a token nor calls the API.
application.MapGet("/health", () => Results.NoContent());
application.Run();
