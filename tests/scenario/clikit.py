"""The public command line's requests, one method each, as its rmaker_lib sends them: where the URL is pasted together, it is here.

Base URLs end in /v1/, the token goes bare, bodies are json.dumps() text, and every call gives up after 5 seconds (rest.md 15).
"""

import base64
import json

import requests

JSON = {"content-type": "application/json"}
TIMEOUT = (5.0, 5.0)


def attribute(token, name):
    """As Config.get_token_attribute() reads it: lenient, with the padding mended; what is not base64 is dropped silently."""
    payload = token.split(".")[1]
    if len(payload) % 4:
        payload += "=" * (4 - len(payload) % 4)
    return json.loads(base64.b64decode(payload).decode("utf-8"))[name]


class Cli:
    def __init__(self, stack):
        self.ca = stack.ca_file
        self.host = stack.ready["api_url_tls"] + "/v1/"
        self.tokens = {}

    def _ask(self, method, url, body=None, header=None, **options):
        data = None if body is None else json.dumps(body)
        return requests.request(method, url, data=data, headers=header or self.header, verify=self.ca, timeout=TIMEOUT, **options)

    @property
    def header(self):
        return {"Content-Type": "application/json", "Authorization": self.tokens["accesstoken"]}

    @property
    def user_id(self):
        return attribute(self.tokens["idtoken"], "custom:user_id")

    # --- user.py, configmanager.py, session.py: the account

    def signup_request(self, name, password):
        return self._ask("POST", self.host + "user2", {"user_name": name, "password": password}, JSON)

    def signup(self, name, code):
        return self._ask("POST", self.host + "user2", {"user_name": name, "verification_code": code}, JSON)

    def login(self, name, password):
        answer = self._ask("POST", self.host + "login2", {"user_name": name, "password": password}, JSON)
        if answer.ok:
            result = answer.json()
            assert "status" in result and result["status"] == "success" and not result.get("session")
            self.tokens = {kind: result[kind] for kind in ("idtoken", "refreshtoken", "accesstoken")}
        return answer

    def extend(self):
        """What it does when the access token has run out: it asks for the versions, then for new tokens."""
        versions = self._ask("GET", self.host.split("v1")[0] + "apiversions", header={})
        assert "v1" in versions.json()["supported_versions"]
        body = {"user_name": attribute(self.tokens["idtoken"], "email"), "refreshtoken": self.tokens["refreshtoken"]}
        answer = self._ask("POST", self.host + "login2", body, JSON)
        if answer.ok:
            self.tokens |= {kind: answer.json()[kind] for kind in ("idtoken", "accesstoken")}
        return answer

    def forgot_password(self, name, password=None, code=None):
        body = {"user_name": name, "password": password, "verification_code": code}
        return self._ask("PUT", self.host + "forgotpassword2", body, JSON)

    def get_user_details(self):
        return self._ask("GET", self.host.rstrip("/") + "/user")

    def logout(self):
        return self._ask("POST", self.host.rstrip("/") + "/logout2?logout_all=false")

    def delete_user(self, request=False, code=None):
        query = (["request=true"] if request else []) + ([f"verification_code={code}"] if code else [])
        return self._ask("DELETE", self.host + "user2" + ("?" + "&".join(query) if query else ""))

    def get_mqtt_host(self):
        return self._ask("GET", self.host.split("v1")[0] + "mqtt_host", header={})

    # --- session.py, node.py: nodes

    def _pages(self, url, query, member):
        """All of a list: it goes on while there is a next_id, which it pastes into the URL as it is."""
        found, n_pages, start_id = [], 0, None
        while True:
            parts = ([query] if query else []) + ([f"start_id={start_id}"] if start_id else [])
            answer = self._ask("GET", url + ("?" + "&".join(parts) if parts else ""))
            answer.raise_for_status()
            page = answer.json()
            found += page[member]
            n_pages += 1
            if not ("next_id" in page and page["next_id"]):
                return found, n_pages
            start_id = page["next_id"]

    def get_nodes(self):
        return self._pages(self.host + "user/nodes", "", "nodes")

    def get_node_details(self):
        return self._pages(self.host + "user/nodes", "node_details=true", "node_details")

    def get_node_details_by_id(self, node_id):
        return self._ask("GET", f"{self.host}user/nodes?node_details=true&node_id={node_id}")

    def get_node(self, part, node_id):
        """`part`: status, config or params."""
        return self._ask("GET", f"{self.host}user/nodes/{part}?nodeid={node_id}")

    def set_params(self, *pairs):
        """(node id, payload) each; always the list form."""
        return self._ask("PUT", self.host + "user/nodes/params",
                         [{"node_id": node_id, "payload": payload} for node_id, payload in pairs])

    def mapping(self, node_id, secret, operation):
        body = {"user_id": self.user_id, "node_id": node_id, "secret_key": secret, "operation": operation}
        return self._ask("PUT", self.host + "user/nodes/mapping", body)

    def get_mapping_status(self, request_id):
        return self._ask("GET", self.host + "user/nodes/mapping?&request_id=" + request_id)

    # --- node.py: sharing; nothing here looks at the HTTP status

    def get_sharing(self, node_id=None):
        return self._ask("GET", self.host + "user/nodes/sharing" + (f"?node_id={node_id}" if node_id else ""))

    def share(self, name, *node_ids):
        return self._ask("PUT", self.host + "user/nodes/sharing", {"nodes": list(node_ids), "user_name": name})

    def unshare(self, name, *node_ids):
        return self._ask("DELETE", f"{self.host}user/nodes/sharing?nodes={','.join(node_ids)}&user_name={name}")

    def requests(self, primary_user, request_id=None):
        """`primary_user`: a bool, which Python writes with a capital."""
        query = (f"request_id={request_id}&" if request_id else "") + f"primary_user={primary_user}"
        return self._ask("GET", f"{self.host}user/nodes/sharing/requests?{query}")

    def answer_request(self, request_id, accept):
        return self._ask("PUT", self.host + "user/nodes/sharing/requests", {"accept": accept, "request_id": request_id})

    def cancel_request(self, request_id):
        return self._ask("DELETE", f"{self.host}user/nodes/sharing/requests?request_id={request_id}")

    # --- session.py: groups

    def create_group(self, name, parent=None, **more):
        body = {"group_name": name} | ({"parent_group_id": parent} if parent else {"is_matter": True}) | more
        return self._ask("POST", self.host + "user/node_group", body)

    def edit_group(self, group_id, **changes):
        return self._ask("PUT", f"{self.host}user/node_group?group_id={group_id}", changes)

    def remove_group(self, group_id):
        return self._ask("DELETE", f"{self.host}user/node_group?group_id={group_id}")

    def list_groups(self, sub_groups=False):
        return self._pages(self.host + "user/node_group", "limit=10" + ("&sub_groups=true" if sub_groups else ""), "groups")

    def show_group(self, group_id, *more):
        return self._ask("GET", self.host + "user/node_group?" + "&".join([f"group_id={group_id}", *more]))
