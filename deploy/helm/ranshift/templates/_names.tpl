{{- define "ranshift.name" -}}
{{- printf "%s-ranshift" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "ranshift.selector" -}}
app.kubernetes.io/name: ranshift
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ranshift.labels" -}}
{{ include "ranshift.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
