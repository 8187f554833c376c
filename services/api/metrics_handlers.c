/* The page for Prometheus. */
#include "api/handlers.h"
#include "base/metrics.h"

enum status metrics_get(struct request *request, struct error *err)
{
	(void)err;
	request->reply.type = METRICS_CONTENT_TYPE;
	metrics_render(request->options->metrics, &request->reply.body);
	return STATUS_OK;
}
