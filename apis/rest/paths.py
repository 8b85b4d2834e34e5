"""How addresses of REST begin, as clients of Anypoint know them."""

SCOPE = "organizations/<uuid:organization_id>/environments/<uuid:environment_id>"
AM = f"apimanager/api/v1/{SCOPE}/apis"
AMX = f"apimanager/xapi/v1/{SCOPE}"
