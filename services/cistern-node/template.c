#include "template.h"

#include <stdlib.h>
#include <string.h>

enum {
	IN_LAMP = 1,
	IN_SENSOR = 2,
	IN_CONNECTIVITY = 4,
	IN_ALL = 7,
};

/* Quotes are single in these texts, for the reader; parse() makes them double. No text has either kind inside. */
#define LAMP_HEAD                                                                                                      \
	"{'config_version':'2020-03-20','info':{'name':'Virtual lamp','fw_version':'1.0.0','type':'Lightbulb',"        \
	"'model':'virtual_lamp','project_name':'virtual_lamp','platform':'host'},"                                     \
	"'attributes':[{'name':'cmd-resp','value':'1'}]}"

static const struct {
	const char *name;
	unsigned int parts;
	const char *head; /* the config without devices and services */
} templates[] = {
	{ "lamp", IN_LAMP, LAMP_HEAD },
	{ "sensor", IN_SENSOR,
	  "{'config_version':'2020-03-20','info':{'name':'Virtual sensor','fw_version':'1.0.0','type':'Temperature "
	  "Sensor',"
	  "'model':'virtual_sensor','project_name':'virtual_sensor','platform':'host'},"
	  "'attributes':[{'name':'cmd-resp','value':'1'}]}" },
	{ "both", IN_LAMP | IN_SENSOR, LAMP_HEAD },
};

static const struct {
	unsigned int parts;
	const char *list; /* devices or services */
	const char *config, *values;
} members[] = {
	{ IN_LAMP, "devices",
	  "{'name':'Light','type':'esp.device.lightbulb','primary':'Power','params':["
	  "{'name':'Name','type':'esp.param.name','data_type':'string','properties':['read','write']},"
	  "{'name':'Power','type':'esp.param.power','data_type':'bool','properties':['read','write'],"
	  "'ui_type':'esp.ui.toggle'},"
	  "{'name':'Level','type':'esp.param.brightness','data_type':'int','properties':['read','write'],"
	  "'bounds':{'min':0,'max':100,'step':1},'ui_type':'esp.ui.slider'}]}",
	  "{'Name':'Light','Power':true,'Level':40}" },
	{ IN_SENSOR, "devices",
	  "{'name':'Sensor','type':'esp.device.temperature-sensor','primary':'Temperature','params':["
	  "{'name':'Name','type':'esp.param.name','data_type':'string','properties':['read','write']},"
	  "{'name':'Temperature','type':'esp.param.temperature','data_type':'float',"
	  "'properties':['read','time_series'],'ui_type':'esp.ui.text'}]}",
	  "{'Name':'Sensor','Temperature':21.5}" },
	{ IN_ALL, "services",
	  "{'name':'Time','type':'esp.service.time','params':["
	  "{'name':'TZ','type':'esp.param.tz','data_type':'string','properties':['read','write']},"
	  "{'name':'TZ-POSIX','type':'esp.param.tz_posix','data_type':'string','properties':['read','write']}]}",
	  "{'TZ':'Europe/Paris','TZ-POSIX':'CET-1CEST,M3.5.0,M10.5.0/3'}" },
	{ IN_ALL, "services",
	  "{'name':'Schedule','type':'esp.service.schedule','params':["
	  "{'name':'Schedules','type':'esp.param.schedules','data_type':'array','properties':['read','write'],"
	  "'bounds':{'max':10}}]}",
	  "{'Schedules':[]}" },
	{ IN_ALL, "services",
	  "{'name':'Scenes','type':'esp.service.scenes','params':["
	  "{'name':'Scenes','type':'esp.param.scenes','data_type':'array','properties':['read','write'],"
	  "'bounds':{'max':10}}]}",
	  "{'Scenes':[]}" },
	{ IN_CONNECTIVITY, "services",
	  "{'name':'Connectivity','type':'esp.service.connectivity','params':["
	  "{'name':'Connected','type':'esp.param.connected','data_type':'bool','properties':['read']}]}",
	  "{'Connected':true}" },
};

static json_t *parse(const char *text)
{
	char *quoted = strdup(text);
	if (!quoted)
		abort();
	for (char *at = quoted; *at; at++) {
		if (*at == '\'')
			*at = '"';
	}
	json_t *value = json_loads(quoted, 0, NULL);
	free(quoted);
	if (!value)
		abort(); /* a template above is not JSON */
	return value;
}

static void add_member(json_t *config, json_t *values, size_t i)
{
	json_t *member = parse(members[i].config);
	const char *name = json_string_value(json_object_get(member, "name"));

	(void)json_object_set_new(values, name, parse(members[i].values));
	(void)json_array_append_new(json_object_get(config, members[i].list), member);
}

json_t *template_config(const char *name, bool connectivity, json_t **ret_values)
{
	for (size_t t = 0; t < ARRAY_LEN(templates); t++) {
		if (strcmp(templates[t].name, name) != 0)
			continue;
		unsigned int parts = templates[t].parts | (connectivity ? IN_CONNECTIVITY : 0);
		json_t *config = parse(templates[t].head), *values = json_object();
		(void)json_object_set_new(config, "devices", json_array());
		(void)json_object_set_new(config, "services", json_array());
		for (size_t i = 0; i < ARRAY_LEN(members); i++) {
			if (members[i].parts == IN_ALL || (members[i].parts & parts))
				add_member(config, values, i);
		}
		*ret_values = values;
		return config;
	}
	return NULL;
}
